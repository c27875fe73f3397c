/* SPDX-License-Identifier: Apache-2.0
 *
 * state, lock, unlock: the life-cycle of an identifier (industrial.md 4). Here the node's owner
 * sets them; what they forbid others is enforced where changes are planned.
 */
#include "proto/wire/state.h"
#include "tools/helvectl/node.h"

enum { TRIES = 8 };

static enum hlv_err set_once(struct registry *r, const char *id,
			     const struct registry_state *to)
{
	HLV_TRY(registry_set_state(r, hlv_text(id), to, ctl_now_ms()));
	return registry_flush(r);
}

static int set(struct ctl *ctl, const char *id, const struct registry_state *to)
{
	struct registry *r = node_open_registry(ctl);
	enum hlv_err err = HLV_E_CONFLICT;
	if (!r)
		return CTL_FAILED;
	for (int i = 0; i < TRIES && err == HLV_E_CONFLICT; i++)
		err = set_once(r, id, to);
	registry_free(r);
	if (err == HLV_E_NOT_FOUND)
		return ctl_fail(ctl, "%s: not in this registry", id);
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, id, err);
}

/* Options, of which there is one, and the reason's length. */
static bool parse(struct ctl *ctl, int argc, char **argv, struct hlv_bytes *reason)
{
	static const struct option options[] = {{"reason", required_argument, NULL, 'r'}, {0}};
	int c;
	ctl_options_begin();
	while ((c = ctl_option(ctl, argc, argv, options)) != -1) {
		if (c == '?')
			return false;
		*reason = hlv_text(optarg);
	}
	if (reason->n <= HLV_REASON_MAX)
		return true;
	ctl_usage(ctl, "--reason: more than %d octets", HLV_REASON_MAX);
	return false;
}

int cmd_state(struct ctl *ctl, int argc, char **argv)
{
	struct registry_state to = {.has_state = true};
	if (!parse(ctl, argc, argv, &to.reason))
		return CTL_USAGE;
	if (optind + 2 != argc)
		return ctl_usage(ctl, "which identifier, and which state?");
	if (hlv_state_parse(hlv_text(argv[optind + 1]), &to.state) != HLV_OK)
		return ctl_usage(
			ctl, "'%s': expected active, reserved, registered, frozen or revoked",
			argv[optind + 1]);
	return set(ctl, argv[optind], &to);
}

static int change_locks(struct ctl *ctl, int argc, char **argv, bool on)
{
	struct registry_state to = {0};
	uint16_t locks = 0;
	if (!parse(ctl, argc, argv, &to.reason))
		return CTL_USAGE;
	if (optind + 2 > argc)
		return ctl_usage(ctl, "which identifier, and which locks?");
	for (int i = optind + 1; i < argc; i++) {
		uint16_t some;
		if (hlv_locks_parse(hlv_text(argv[i]), &some) != HLV_OK)
			return ctl_usage(
				ctl,
				"'%s': expected client- or server-, and delete, update "
				"or transfer",
				argv[i]);
		locks |= some;
	}
	if (on)
		to.lock = locks;
	else
		to.unlock = locks;
	return set(ctl, argv[optind], &to);
}

int cmd_lock(struct ctl *ctl, int argc, char **argv)
{
	return change_locks(ctl, argc, argv, true);
}

int cmd_unlock(struct ctl *ctl, int argc, char **argv)
{
	return change_locks(ctl, argc, argv, false);
}
