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
dtc -q -I dts -O dtb -o board.dtb board.dts
gzip -9nc < "$TREE/lib/text.txt" > kernel.gz
cat > image.its <<'END'
/dts-v1/;
/ {
  description = "Sample image";
  #address-cells = <1>;
  images {
    kernel-1 {
      description = "Kernel"; data = /incbin/("kernel.gz"); type = "kernel"; arch = "mips"; os = "linux";
      compression = "gzip"; load = <0x80001000>; entry = <0x80001000>;
      hash-1 { algo = "crc32"; };
      hash-2 { algo = "sha1"; };
      hash-3 { algo = "sha256"; };
    };
    fdt-1 {
      description = "Tree"; data = /incbin/("board.dtb"); type = "flat_dt"; arch = "mips"; compression = "none";
      hash-1 { algo = "md5"; };
    };
  };
  configurations { default = "conf-1"; conf-1 { kernel = "kernel-1"; fdt = "fdt-1"; }; };
};
END
mkimage -E -f image.its image.itb > /dev/null; cp image.itb "$OUT"
