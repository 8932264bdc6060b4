# SPDX-License-Identifier: Apache-2.0
STATE=short-state . "$CASE/../make.sh"
