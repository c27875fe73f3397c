/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/stricter.h"

#include <limits.h>
#include <stdio.h>

#include "proto/net/file.h"
#include "proto/net/log.h"

enum { RULES_MAX = 1 << 20, RULE_MAX = 1024, WHY = 512 };

struct sweep {
	struct hlv_buf before, both; /* a line for each rule */
	struct hlv_buf *now;
	struct cache *cache;
	size_t gone;
};

static bool stands_in(const struct hlv_buf *lines, struct hlv_bytes line)
{
	struct hlv_bytes rest = hlv_buf_bytes(lines);
	while (rest.n > 0) {
		const uint8_t *end = memchr(rest.p, '\n', rest.n);
		size_t n = end ? (size_t)(end - rest.p) + 1 : rest.n;
		if (hlv_eq(hlv_head(rest, n), line))
			return true;
		rest = hlv_skip(rest, n);
	}
	return false;
}

static void take_rule(struct sweep *s, const char *line, struct hlv_bytes prefix)
{
	char pattern[RULE_MAX];
	hlv_buf_str(s->now, line);
	if (stands_in(&s->before, hlv_text(line))) {
		hlv_buf_str(&s->both, line);
		return;
	}
	snprintf(pattern, sizeof pattern, "%.*s%s", (int)prefix.n,
		 prefix.n ? (const char *)prefix.p : "", prefix.n ? ".*" : "");
	s->gone += cache_flush(s->cache, pattern);
}

static void take_rules(struct sweep *s, const struct validate_rules *rules,
		       const struct anchors *anchors)
{
	char line[RULE_MAX];
	for (size_t i = 0; i < rules->nmust_sign; i++) {
		const struct must_sign *m = &rules->must_sign[i];
		struct hlv_bytes who = m->signer.handle;
		snprintf(line, sizeof line, "must-sign %.*s %u:%.*s\n", (int)m->prefix.n,
			 m->prefix.n ? (const char *)m->prefix.p : "", m->signer.index,
			 (int)who.n, who.n ? (const char *)who.p : "");
		take_rule(s, line, m->prefix);
	}
	for (size_t i = 0; anchors && i < anchors->n; i++) {
		const struct anchor *a = &anchors->list[i];
		if (a->prefix[0] == '\0' || !anchor_is_believed(a))
			continue;
		snprintf(line, sizeof line, "anchor %s\n", a->prefix);
		take_rule(s, line, hlv_text(a->prefix));
	}
}

void stricter_write(const char *data_dir, struct hlv_bytes rules_now)
{
	char path[PATH_MAX], why[WHY] = "";
	snprintf(path, sizeof path, "%s/rules", data_dir);
	if (hlv_file_write(path, 0644, rules_now, why) != HLV_OK)
		hlv_warn("rules.save", "%s", why);
}

size_t stricter_apply(const char *data_dir, const struct validate_rules *rules,
		      const struct anchors *anchors, struct cache *cache,
		      struct hlv_buf *rules_now)
{
	char path[PATH_MAX], why[WHY] = "";
	struct sweep s = {.cache = cache, .now = rules_now};
	snprintf(path, sizeof path, "%s/rules", data_dir);
	/* Without the file every rule is a new one. */
	if (hlv_file_read(path, RULES_MAX, &s.before, why) != HLV_OK)
		hlv_buf_clear(&s.before);
	take_rules(&s, rules, anchors);
	if (s.both.bad)
		hlv_buf_clear(&s.both);
	if (!hlv_eq(hlv_buf_bytes(&s.before), hlv_buf_bytes(&s.both)))
		stricter_write(data_dir, hlv_buf_bytes(&s.both));
	if (s.gone > 0)
		hlv_info("rules.stricter", "findings_forgotten=%zu", s.gone);
	hlv_buf_free(&s.before);
	hlv_buf_free(&s.both);
	return s.gone;
}
