# SPDX-License-Identifier: Apache-2.0
VERSION=2 OPTIONS="-2 -n 30" . "$CASE/../make.sh"
