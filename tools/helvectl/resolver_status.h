/* SPDX-License-Identifier: Apache-2.0
 *
 * status of a resolver's directory: what the helver that runs on it says of itself.
 */
#pragma once
#include "tools/helvectl/ctl.h"

int resolver_status(struct ctl *ctl);
