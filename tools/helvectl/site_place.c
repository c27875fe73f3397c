/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/site_place.h"

#include <stdlib.h>

#include "proto/sec/digest.h"
#include "proto/wire/name.h"
#include "tools/helvectl/live.h"
#include "tools/helvectl/scan.h"

enum { SLICE = 1000 /* removed between two looks at the registry */ };

size_t site_place_number(const struct ctl *ctl)
{
	struct hlv_buf text = {0};
	live_setting(ctl, "server-number", &text);
	size_t n = text.n ? strtoul(text.p, NULL, 10) : 1;
	hlv_buf_free(&text);
	return n;
}

bool site_place_is_ours(const struct site_edit *e, size_t number, struct hlv_bytes id)
{
	uint32_t hash;
	if (e->nservers < 2 || hlv_starts_with(id, hlv_text("0.")))
		return true;
	return hlv_site_hash(id, e->site.hash_option, &hash) != HLV_OK ||
	       hash % e->nservers == number - 1;
}

/* Names of a slice, each NUL-terminated, one behind the other. */
struct slice {
	const struct site_edit *e;
	size_t number, n;
	struct hlv_buf names;
};

static bool note(void *ctx, const struct hlv_record *rec)
{
	struct slice *s = ctx;
	if (!site_place_is_ours(s->e, s->number, rec->name)) {
		hlv_buf_put(&s->names, rec->name);
		hlv_buf_put(&s->names, hlv_bytes("", 1));
		s->n++;
	}
	return s->n < SLICE && !s->names.bad;
}

static enum hlv_err remove_all(struct ctl *ctl, const struct slice *s)
{
	struct registry *r = node_open_registry(ctl);
	const char *name = s->names.p;
	if (!r)
		return HLV_E_IO;
	enum hlv_err err = HLV_OK;
	for (size_t i = 0; i < s->n && err == HLV_OK; i++, name += strlen(name) + 1) {
		err = registry_remove(r, hlv_text(name), ctl_now_ms());
		if (err == HLV_E_NOT_FOUND) /* meanwhile */
			err = HLV_OK;
	}
	if (err == HLV_OK)
		err = registry_flush(r);
	registry_free(r);
	return err;
}

static enum hlv_err find_strange(struct ctl *ctl, struct slice *s)
{
	if (!ctl_open_to_read(ctl))
		return HLV_E_IO;
	enum hlv_err err = scan_records(ctl->store, ctl->view, (struct hlv_bytes){0}, note, s);
	ctl->store->ops->view_end(ctl->view);
	ctl_close(ctl);
	return err == HLV_OK && s->names.bad ? HLV_E_NOMEM : err;
}

int site_prune(struct ctl *ctl, const struct site_edit *e)
{
	size_t removed = 0, n = SLICE, number = site_place_number(ctl);
	if (number < 1 || number > e->nservers)
		return ctl_fail(ctl, "server-number is %zu, and the site has %zu servers",
				number, e->nservers);
	while (n == SLICE) {
		struct slice s = {e, number, 0, {0}};
		enum hlv_err err = find_strange(ctl, &s);
		if (err == HLV_OK && s.n > 0)
			err = remove_all(ctl, &s);
		ctl_close(ctl);
		hlv_buf_free(&s.names);
		if (err != HLV_OK)
			return ctl_fail_err(ctl, "site prune", err);
		n = s.n;
		removed += n;
	}
	printf(ctl->json ? "{\"removed\":%zu}\n" : "%zu records of other servers removed\n",
	       removed);
	return CTL_DONE;
}
