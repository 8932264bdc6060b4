# SPDX-License-Identifier: Apache-2.0
WHAT=package . "$CASE/../../hp-bdl/make.sh"
