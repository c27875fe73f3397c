/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/net/json.h"
#include "proto/sec/digest.h"
#include "proto/sec/sign.h"
#include "tools/dig/ask.h"

enum { WHY = 256 };

/* Which of the site's keys has signed the message? Its name comes back in `name`. */
static enum hlv_err verify_by_site(const struct hlv_message *m, const struct hlv_site *site,
				   char name[32])
{
	enum hlv_err result = HLV_E_KEY;
	struct hlv_reader r = hlv_reader(site->servers.raw);
	for (uint32_t i = 0; i < site->servers.n && result != HLV_OK; i++) {
		struct hlv_site_server server;
		struct hlv_key *key = NULL;
		hlv_site_next_server(&r, &server);
		if (server.key.n == 0 || hlv_pubkey_decode(server.key, &key) != HLV_OK)
			continue;
		result = hlv_message_verify(m, key);
		snprintf(name, 32, "%s", hlv_key_name(key));
		hlv_key_free(key);
	}
	return result;
}

static void explain(enum hlv_err err, const char *whose, char *text)
{
	if (err == HLV_E_KEY)
		snprintf(text, WHY, "no key %s is of the kind that it was made with", whose);
	else if (err == HLV_E_NOT_FOUND)
		snprintf(text, WHY, "the answer is not signed");
	else if (err == HLV_E_SIGNATURE)
		snprintf(text, WHY, "it was not made with the key %s", whose);
	else
		snprintf(text, WHY, "%s", hlv_strerror(err));
}

/* Is it an answer to what we asked, and still valid? */
static bool is_bound(const struct dig_reply *reply, char *text)
{
	if (reply->understood != HLV_OK)
		snprintf(text, WHY, "the answer cannot be read");
	else if (reply->m.credential.n == 0)
		snprintf(text, WHY, "the answer is not signed");
	else if (!reply->rs.has_digest)
		snprintf(text, WHY, "the answer does not say which request it is for");
	else if (!hlv_request_digest_fits(reply->asked, &reply->rs.digest))
		snprintf(text, WHY, "the answer is for another request");
	else if (reply->m.hdr.expiration_s < hlv_now_s(hlv_clock()))
		snprintf(text, WHY, "the answer has expired; are both clocks right?");
	else
		return true;
	return false;
}

static bool read_file(const char *path, uint8_t *room, size_t cap, struct hlv_bytes *file,
		      char *text)
{
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(room, 1, cap, f) : 0;
	bool ok = f && !ferror(f) && n < cap;
	if (!ok)
		snprintf(text, WHY, "%s: %s", path,
			 f && n == cap ? "too long" : strerror(errno));
	if (f)
		fclose(f);
	*file = hlv_bytes(room, n);
	return ok;
}

bool dig_read_site(const char *path, uint8_t *room, struct hlv_bytes *record, char *text)
{
	struct hlv_bytes file;
	struct hlv_site site;
	if (!read_file(path, room, DIG_SITE_MAX, &file, text))
		return false;
	if (file.n > 0 && file.p[0] == '{') {
		struct hlv_json_error error = {0};
		struct hlv_writer w = hlv_writer(room + DIG_SITE_MAX, DIG_SITE_MAX);
		if (hlv_json_parse_site(file, &w, &error) != HLV_OK) {
			snprintf(text, WHY, "%s: %s", path, error.text);
			return false;
		}
		file = hlv_written(&w);
	}
	*record = file;
	if (hlv_site_decode(file, &site) == HLV_OK)
		return true;
	snprintf(text, WHY, "%s: no site record", path);
	return false;
}

static bool verify_by_file(const struct dig_options *o, const struct dig_reply *reply,
			   char *text)
{
	char name[32] = "", whose[160];
	struct hlv_site site;
	uint8_t *room = malloc((size_t)2 * DIG_SITE_MAX);
	if (!room) {
		snprintf(text, WHY, "out of memory");
		return false;
	}
	struct hlv_bytes record;
	bool ok = dig_read_site(o->site_file, room, &record, text) &&
		  hlv_site_decode(record, &site) == HLV_OK;
	if (ok) {
		enum hlv_err err = verify_by_site(&reply->m, &site, name);
		snprintf(whose, sizeof whose, "in %s", o->site_file);
		ok = err == HLV_OK;
		if (ok)
			snprintf(text, WHY, "%s key %s", name, whose);
		else
			explain(err, whose, text);
	}
	free(room);
	return ok;
}

/* The server's own word for its key: shows that the answer came whole from whoever we reached,
 * not that this is who serves the prefix. +root or a trace shows that. */
static bool verify_by_server(const struct dig_options *o, const struct dig_reply *reply,
			     char *text)
{
	char name[32] = "";
	struct hlv_site site;
	struct dig_reply *info = calloc(1, sizeof *info);
	enum hlv_err err = info ? dig_ask_site(o, reply, info) : HLV_E_NOMEM;
	bool ok = false;
	if (err != HLV_OK) {
		snprintf(text, WHY, "no site record from the server: %s", hlv_strerror(err));
	} else if (info->understood != HLV_OK || info->rs.kind != HLV_BODY_SITE ||
		   hlv_site_decode(info->rs.octets, &site) != HLV_OK) {
		snprintf(text, WHY, "the server shows no site record; +site=FILE names one");
	} else if (is_bound(info, text)) {
		err = verify_by_site(&info->m, &site, name);
		if (err == HLV_OK)
			err = verify_by_site(&reply->m, &site, name);
		ok = err == HLV_OK;
		if (ok)
			snprintf(text, WHY, "%s key of the asked server", name);
		else
			explain(err, "of the asked server", text);
	}
	if (info)
		dig_reply_free(info);
	free(info);
	return ok;
}

bool dig_verify(const struct dig_options *o, const struct dig_reply *reply, char *text)
{
	if (!is_bound(reply, text))
		return false;
	return o->site_file ? verify_by_file(o, reply, text) : verify_by_server(o, reply, text);
}
