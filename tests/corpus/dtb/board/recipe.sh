# SPDX-License-Identifier: Apache-2.0
cat > board.dts <<'END'
/dts-v1/;
/ {
  model = "Sample board";
  compatible = "vendor,sample", "ingenic,t20";
  #address-cells = <1>;
  #size-cells = <1>;
  chosen { bootargs = "console=ttyS0,115200 root=/dev/mtdblock2"; };
  flash@0 {
    #address-cells = <1>;
    #size-cells = <1>;
    reg = <0 0x1000000>;
    partitions {
      compatible = "fixed-partitions";
      #address-cells = <1>;
      #size-cells = <1>;
      partition@0 { label = "u-boot"; reg = <0x0 0x40000>; };
      partition@40000 { label = "kernel"; reg = <0x40000 0x200000>; };
    };
  };
};
END
dtc -q -I dts -O dtb -o "$OUT" board.dts
