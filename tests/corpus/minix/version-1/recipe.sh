# SPDX-License-Identifier: Apache-2.0
VERSION=1 OPTIONS="-1 -n 30" . "$CASE/../make.sh"
