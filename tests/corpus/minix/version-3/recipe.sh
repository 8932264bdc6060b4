# SPDX-License-Identifier: Apache-2.0
VERSION=3 OPTIONS=-3 . "$CASE/../make.sh"
