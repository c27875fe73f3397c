/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the engine share: a rig for each case, and checks that say what came instead.
 */
#pragma once
#include "tests/unit/rig.h"

#define ROOT "192.0.2.1:2641"
#define SECOND "192.0.2.3:2641"
#define ENTERPRISE "192.0.2.4:2641"

static struct rig rig;

static inline int setup(void **state)
{
	(void)state;
	rig_init(&rig, true, false);
	return 0;
}

static inline int setup_unsigned(void **state)
{
	(void)state;
	rig_init(&rig, false, false);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	rig_fini(&rig);
	return 0;
}

static inline struct tree_node *node(const char *address)
{
	for (size_t i = 0; i < rig.tree.nnodes; i++)
		if (strcmp(rig.tree.nodes[i].address, address) == 0)
			return &rig.tree.nodes[i];
	fail_msg("no node at %s", address);
	return NULL;
}

static inline const struct engine_stats *stats(void)
{
	return engine_stats(rig.engine);
}

static inline void expect(const char *row, const struct rig_waiter *x, const char *text,
			  bool stale)
{
	if (!x->answers)
		fail_msg("%s: no answer", row);
	if (!x->proven || x->stale != stale || strcmp(x->text, text) != 0)
		fail_msg("%s: %s %u %s \"%s\", expected %s \"%s\"", row,
			 x->proven ? "shown" : "refused", x->rc, x->stale ? "stale" : "fresh",
			 x->text, stale ? "stale" : "fresh", text);
}

static inline void expect_refused(const char *row, const struct rig_waiter *x, uint32_t rc)
{
	if (!x->answers)
		fail_msg("%s: no answer", row);
	if (x->proven || x->rc != rc)
		fail_msg("%s: %s %u \"%s\", expected to be refused with %u", row,
			 x->proven ? "shown" : "refused", x->rc, x->text, rc);
}

static inline uint64_t took_ms(const struct rig_waiter *x)
{
	return (x->told_ns - x->asked_ns) / 1000000;
}

#define CASE(name, how) cmocka_unit_test_setup_teardown(name, how, teardown)
