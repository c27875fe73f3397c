/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/keeper.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "proto/net/actor.h"
#include "proto/net/addr.h"
#include "proto/net/file.h"
#include "proto/net/log.h"
#include "resolver/stricter.h"

enum { SAVE_S = 5, COMPLAIN_S = 300, ANCHORS_AGAIN_S = 10, WHY = 512 };

static const hlv_mono_ns SECOND_NS = 1000000000U;

struct keeper {
	struct hlv_actor *actor;
	struct keep *keep;
	struct cache *cache;
	const char *anchors_path;
	struct hlv_buf anchors; /* to be written; empty: nothing is */
	struct hlv_buf rules;	/* to be written when the cache is saved */
	char *rules_dir;	/* where */
	hlv_mono_ns anchors_ns, saved_ns, complained_ns;
	_Atomic uint64_t saves;
};

static bool may_complain(struct keeper *k, struct hlv_now now)
{
	if (k->complained_ns && now.mono_ns - k->complained_ns < COMPLAIN_S * SECOND_NS)
		return false;
	k->complained_ns = now.mono_ns;
	return true;
}

static void forget_rules(struct keeper *k)
{
	hlv_buf_free(&k->rules);
	free(k->rules_dir);
	k->rules_dir = NULL;
}

static void write_rules(struct keeper *k)
{
	if (!k->rules_dir)
		return;
	stricter_write(k->rules_dir, hlv_buf_bytes(&k->rules));
	forget_rules(k);
}

static void save(struct keeper *k, struct hlv_now now)
{
	size_t saved;
	enum hlv_err err = keep_save(k->keep, k->cache, now, &saved);
	k->saved_ns = now.mono_ns;
	if (err == HLV_OK) {
		write_rules(k);
		atomic_fetch_add_explicit(&k->saves, 1, memory_order_relaxed);
	} else if (may_complain(k, now)) {
		hlv_error("cache.save", "error=\"%s\" %s", hlv_strerror(err),
			  keep_why(k->keep));
	}
}

static void write_anchors(struct keeper *k, struct hlv_now now)
{
	char why[WHY] = "";
	k->anchors_ns = now.mono_ns;
	enum hlv_err err =
		hlv_file_write(k->anchors_path, 0644, hlv_buf_bytes(&k->anchors), why);
	if (err == HLV_OK) {
		hlv_info("anchors.saved", "path=%s", k->anchors_path);
		hlv_buf_free(&k->anchors);
	} else if (may_complain(k, now)) {
		hlv_error("anchors.save", "%s", *why ? why : hlv_strerror(err));
	}
}

static bool work(void *ctx, struct hlv_now now)
{
	struct keeper *k = ctx;
	if (k->keep && now.mono_ns - k->saved_ns >= SAVE_S * SECOND_NS)
		save(k, now);
	if (k->anchors.n > 0 && now.mono_ns - k->anchors_ns >= ANCHORS_AGAIN_S * SECOND_NS)
		write_anchors(k, now);
	return false;
}

struct keeper *keeper_start(struct keep *keep, struct cache *cache, const char *anchors_path)
{
	struct keeper *k = calloc(1, sizeof *k);
	if (!k)
		return NULL;
	k->keep = keep;
	k->cache = cache;
	k->anchors_path = anchors_path;
	k->saved_ns = hlv_clock().mono_ns;
	k->actor = hlv_actor_start("keeper", work, k);
	if (k->actor)
		return k;
	free(k);
	return NULL;
}

struct anchors_mail {
	struct hlv_mail mail;
	size_t n;
	uint8_t text[];
};

static void take_anchors(struct hlv_mail *mail, void *receiver)
{
	struct keeper *k = receiver;
	struct anchors_mail *m = (struct anchors_mail *)(void *)mail; /* its first member */
	hlv_buf_clear(&k->anchors);
	hlv_buf_put(&k->anchors, hlv_bytes(m->text, m->n));
	free(m);
	k->anchors_ns = 0; /* at once */
}

void keeper_put_anchors(struct keeper *k, struct hlv_bytes text)
{
	struct anchors_mail *m = malloc(sizeof *m + text.n);
	if (!m) {
		hlv_error("anchors.save", "error=\"out of memory\"");
		return;
	}
	m->mail = (struct hlv_mail){.open = take_anchors};
	m->n = text.n;
	if (text.n)
		memcpy(m->text, text.p, text.n);
	hlv_mailbox_post(hlv_actor_mailbox(k->actor), &m->mail);
}

struct rules_mail {
	struct hlv_mail mail;
	struct hlv_buf rules;
	char dir[];
};

static void take_rules(struct hlv_mail *mail, void *receiver)
{
	struct keeper *k = receiver;
	struct rules_mail *m = (struct rules_mail *)(void *)mail; /* its first member */
	forget_rules(k);
	k->rules = m->rules;
	k->rules_dir = strdup(m->dir);
	k->saved_ns = 0; /* at once */
	free(m);
}

void keeper_put_rules(struct keeper *k, const char *data_dir, struct hlv_bytes text)
{
	size_t n = strlen(data_dir) + 1;
	struct rules_mail *m = calloc(1, sizeof *m + n);
	/* Without memory they are not written: the next start sweeps once more. */
	if (!m)
		return;
	m->mail = (struct hlv_mail){.open = take_rules};
	memcpy(m->dir, data_dir, n);
	hlv_buf_put(&m->rules, text);
	if (m->rules.bad) {
		hlv_buf_free(&m->rules);
		free(m);
		return;
	}
	hlv_mailbox_post(hlv_actor_mailbox(k->actor), &m->mail);
}

uint64_t keeper_saves(const struct keeper *k)
{
	return atomic_load_explicit(&k->saves, memory_order_relaxed);
}

void keeper_stop(struct keeper *k)
{
	if (!k)
		return;
	hlv_actor_stop(k->actor);
	struct hlv_now now = hlv_clock();
	k->complained_ns = 0;
	if (k->keep)
		save(k, now);
	if (k->anchors.n > 0)
		write_anchors(k, now);
	hlv_buf_free(&k->anchors);
	forget_rules(k);
	free(k);
}
