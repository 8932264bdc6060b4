# SPDX-License-Identifier: Apache-2.0
STATE=long-state . "$CASE/../make.sh"
