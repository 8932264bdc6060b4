# SPDX-License-Identifier: Apache-2.0
cat > tree.spec <<END
Name: tree
Version: 1.2
Release: 3
Summary: sample
License: none
BuildArch: noarch
%description
sample
%install
cp -a "$TREE/." %{buildroot}/
%files
/
END
rpmbuild -bb --quiet --define "_topdir $PWD/top" --define "_rpmdir $PWD/out" --define "__os_install_post %{nil}" \
    --define "_binary_payload w6.xzdio" --define "_build_id_links none" --define "__find_requires %{nil}" \
    --define "_use_internal_dependency_generator 0" --define "debug_package %{nil}" --nodeps tree.spec > log 2>&1
cp out/noarch/tree-1.2-3.noarch.rpm "$OUT"
