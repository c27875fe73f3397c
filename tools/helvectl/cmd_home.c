/* SPDX-License-Identifier: Apache-2.0
 *
 * home, unhome: which prefixes this node serves.
 */
#include "tools/helvectl/node.h"
#include "tools/helvectl/remote.h"

static const struct option no_options[] = {{0}};

enum what { HOME, UNHOME };
enum { TRIES = 8 }; /* when others change the same meanwhile */

static int change(struct ctl *ctl, int argc, char **argv, enum what what)
{
	char name[NODE_NAME_MAX];
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind + 1 != argc)
		return ctl_usage(ctl, "which prefix?");
	if (!node_prefix_handle(ctl, argv[optind], name))
		return CTL_USAGE;
	if (ctl->remote)
		return remote_home(ctl, name, what == HOME ? HLV_OP_HOME_NA : HLV_OP_UNHOME_NA);
	struct registry *r = node_open_registry(ctl);
	enum hlv_err err = HLV_E_CONFLICT;
	if (!r)
		return CTL_FAILED;
	for (int i = 0; i < TRIES && err == HLV_E_CONFLICT; i++) {
		err = what == HOME ? registry_home(r, hlv_text(name), ctl_now_ms())
				   : registry_unhome(r, hlv_text(name), ctl_now_ms());
		if (err == HLV_OK)
			err = registry_flush(r);
	}
	registry_free(r);
	if (err == HLV_E_EXISTS) /* as it is to be */
		return CTL_DONE;
	if (err == HLV_E_NOT_FOUND)
		return ctl_fail(ctl, "%s: not homed here: helvectl status shows what is", name);
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, name, err);
}

int cmd_home(struct ctl *ctl, int argc, char **argv)
{
	return change(ctl, argc, argv, HOME);
}

int cmd_unhome(struct ctl *ctl, int argc, char **argv)
{
	return change(ctl, argc, argv, UNHOME);
}
