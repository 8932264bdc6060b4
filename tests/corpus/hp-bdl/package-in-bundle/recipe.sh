# SPDX-License-Identifier: Apache-2.0
WHAT=bundle . "$CASE/../make.sh"
