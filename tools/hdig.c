/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/net/json.h"
#include "tools/args.h"
#include "tools/dig/ask.h"
#include "tools/dig/trace.h"
#include "tools/show.h"

struct outcome {
	const struct dig_options *o;
	const struct dig_reply *reply;
	char addr[HLV_ADDR_TEXT];
	char trust[256]; /* which key, or why none; empty: not asked for */
	bool verified;
};

static enum dig_exit code_of(const struct outcome *out)
{
	const struct hlv_response *rs = &out->reply->rs;
	if (out->o->certified && !out->verified)
		return EXIT_UNTRUSTED;
	if (out->reply->understood != HLV_OK)
		return EXIT_OTHER;
	switch (rs->rc) {
	case HLV_RC_SUCCESS:
		return rs->values.n > 0 ? EXIT_ANSWERED : EXIT_MISSING;
	case HLV_RC_NOT_FOUND:
	case HLV_RC_VALUES_NOT_FOUND:
		return EXIT_MISSING;
	case HLV_RC_DAILY_LIMIT:
	case HLV_RC_REGISTRATION_LIMIT:
	case HLV_RC_PREFIX_LIMIT:
		return EXIT_REFUSED;
	}
	/* 400-406: not allowed, not known, not proved. */
	return rs->rc / 100 == 4 ? EXIT_REFUSED : EXIT_OTHER;
}

static const char *transport_name(enum hlv_transport transport)
{
	switch (transport) {
	case HLV_T_UDP:
		return "udp";
	case HLV_T_TCP:
		return "tcp";
	case HLV_T_TLS:
		return "tls";
	case HLV_T_LOCAL:
		return "local";
	}
	return "";
}

static double ms(const struct outcome *out)
{
	return (double)out->reply->report.ns / 1e6;
}

static void put_status(struct hlv_buf *b, const struct outcome *out, enum show_colour colour)
{
	const struct dig_reply *reply = out->reply;
	char line[160];
	if (reply->understood != HLV_OK) {
		snprintf(line, sizeof line, "answer not understood: %s (response code %u)",
			 hlv_strerror(reply->understood), reply->m.hdr.rc);
		show_ink(b, colour, INK_BAD, line);
		return;
	}
	const char *text = hlv_rc_text(reply->rs.rc);
	snprintf(line, sizeof line, "%s (%u)", text ? text : "unknown code", reply->rs.rc);
	show_ink(b, colour, reply->rs.rc == HLV_RC_SUCCESS ? INK_GOOD : INK_BAD, line);
	if (reply->rs.kind == HLV_BODY_ERROR && reply->rs.text.n > 0) {
		hlv_buf_str(b, ": ");
		show_text(b, reply->rs.text);
	}
}

static void put_head(struct hlv_buf *b, const struct outcome *out, enum show_colour colour)
{
	const struct dig_reply *reply = out->reply;
	char line[256], flags[64];
	hlv_buf_str(b, ";; ");
	show_text(b, out->o->id);
	hlv_buf_str(b, ": ");
	put_status(b, out, colour);
	hlv_buf_str(b, "\n");
	snprintf(line, sizeof line,
		 ";; from %s by %s in %.1f ms, %zu octets, protocol %u.%u, site serial %u, "
		 "flags %s\n",
		 out->addr, transport_name(reply->report.transport), ms(out), reply->raw.n,
		 reply->m.env.major, reply->m.env.minor, reply->m.hdr.site_serial,
		 hlv_flags_text(reply->m.hdr.flags, flags));
	show_ink(b, colour, INK_FAINT, line);
	if (!out->o->certified)
		return;
	snprintf(line, sizeof line, out->verified ? "verified (%.200s)" : "failed: %.200s",
		 out->trust);
	hlv_buf_str(b, ";; signature: ");
	show_ink(b, colour, out->verified ? INK_GOOD : INK_BAD, line);
	hlv_buf_str(b, "\n");
}

static void put_referral(struct hlv_buf *b, const struct outcome *out)
{
	const struct hlv_response *rs = &out->reply->rs;
	if (out->reply->understood != HLV_OK || rs->kind != HLV_BODY_REFERRAL ||
	    rs->handle.n == 0)
		return;
	hlv_buf_str(b, ";; ask the servers of ");
	show_text(b, rs->handle);
	hlv_buf_str(b, "\n");
}

static void put_text(struct hlv_buf *b, const struct outcome *out)
{
	enum show_colour colour = isatty(STDOUT_FILENO) ? SHOW_COLOURED : SHOW_PLAIN;
	put_head(b, out, colour);
	put_referral(b, out);
	if (out->reply->understood == HLV_OK && out->reply->rs.values.n > 0)
		show_values(b, &out->reply->rs.values, colour);
}

static void put_short(struct hlv_buf *b, const struct outcome *out)
{
	const struct hlv_list *values = &out->reply->rs.values;
	struct hlv_reader r = hlv_reader(values->raw);
	struct hlv_value v;
	if (out->reply->understood != HLV_OK || out->reply->rs.rc != HLV_RC_SUCCESS)
		return;
	for (uint32_t i = 0; i < values->n && hlv_value_decode(&r, &v) == HLV_OK; i++) {
		show_data(b, &v, NULL);
		hlv_buf_str(b, "\n");
	}
}

/* What the data alone cannot say: there is none, or it is not to be trusted. */
static void complain_short(const struct outcome *out)
{
	struct hlv_buf b = {0};
	if (out->reply->understood != HLV_OK || out->reply->rs.rc != HLV_RC_SUCCESS) {
		show_text(&b, out->o->id);
		hlv_buf_str(&b, ": ");
		put_status(&b, out, SHOW_PLAIN);
		args_complain("%s", b.p ? b.p : "");
		hlv_buf_free(&b);
	}
	if (out->o->certified && !out->verified)
		args_complain("signature: failed: %s", out->trust);
}

/* The REST API's objects, but for secret keys, whose data is left out. */
static void put_json_values(struct hlv_buf *b, const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	struct hlv_value v;
	hlv_buf_str(b, ",\"values\":[");
	for (uint32_t i = 0; i < values->n && hlv_value_decode(&r, &v) == HLV_OK; i++) {
		if (show_is_secret(&v))
			v.data = (struct hlv_bytes){0};
		hlv_buf_str(b, i ? "," : "");
		hlv_json_put_value(b, &v);
	}
	hlv_buf_str(b, "]");
}

static void put_json_signature(struct hlv_buf *b, const struct outcome *out)
{
	char text[300] = "none";
	if (out->verified)
		snprintf(text, sizeof text, "verified");
	else if (out->o->certified)
		snprintf(text, sizeof text, "failed: %s", out->trust);
	hlv_json_put_str(b, hlv_text(text));
}

static void put_json(struct hlv_buf *b, const struct outcome *out)
{
	const struct dig_reply *reply = out->reply;
	const struct hlv_response *rs = &reply->rs;
	bool read = reply->understood == HLV_OK;
	hlv_buf_printf(b, "{\"responseCode\":%u,\"handle\":", read ? rs->rc : reply->m.hdr.rc);
	hlv_json_put_str(b, read && rs->handle.n > 0 ? rs->handle : out->o->id);
	if (read && (rs->kind == HLV_BODY_RECORD || rs->kind == HLV_BODY_REFERRAL))
		put_json_values(b, &rs->values);
	else if (read && rs->rc == HLV_RC_VALUES_NOT_FOUND)
		hlv_buf_str(b, ",\"values\":[]");
	if (!read || (rs->kind == HLV_BODY_ERROR && rs->text.n > 0)) {
		hlv_buf_str(b, ",\"message\":");
		struct hlv_bytes nonsense = hlv_text(hlv_strerror(reply->understood));
		hlv_json_put_str(b, read ? rs->text : nonsense);
	}
	hlv_buf_printf(b, ",\"server\":\"%s\",\"transport\":\"%s\",\"ms\":%.2f,\"signature\":",
		       out->addr, transport_name(reply->report.transport), ms(out));
	put_json_signature(b, out);
	hlv_buf_str(b, "}\n");
}

static int print(const struct outcome *out)
{
	struct hlv_buf b = {0};
	switch (out->o->form) {
	case DIG_TEXT:
		put_text(&b, out);
		break;
	case DIG_SHORT:
		put_short(&b, out);
		complain_short(out);
		break;
	case DIG_JSON:
		put_json(&b, out);
		break;
	}
	bool written = !b.bad && (b.n == 0 || fwrite(b.p, 1, b.n, stdout) == b.n);
	hlv_buf_free(&b);
	if (written && fflush(stdout) == 0)
		return (int)code_of(out);
	args_complain("the answer could not be written");
	return EXIT_OTHER;
}

static int no_reply(const struct outcome *out, enum hlv_err err)
{
	const struct hlv_client_report *report = &out->reply->report;
	bool silent = err == HLV_E_TIMEOUT || err == HLV_E_IO;
	if (err == HLV_E_SIGNATURE && out->o->self.who.handle.n > 0) {
		args_complain("the challenge from %s is not for what was asked: is somebody in "
			      "between? nothing was signed",
			      out->addr);
		return EXIT_UNTRUSTED;
	}
	args_complain("no answer from %s by %s: %s; is a server running there?", out->addr,
		      transport_name(report->transport),
		      report->os_error ? strerror(report->os_error) : hlv_strerror(err));
	return silent ? EXIT_NO_REPLY : EXIT_OTHER;
}

int main(int argc, char **argv)
{
	struct dig_options o;
	args_program("hdig");
	int code = dig_options_parse(argc, argv, &o);
	if (code != DIG_GO_ON) {
		hlv_prove_forget(&o.self);
		return code;
	}
	if (o.trace) {
		hlv_prove_forget(&o.self);
		return dig_trace(&o);
	}
	struct dig_reply *reply = calloc(1, sizeof *reply);
	if (!reply) {
		args_complain("out of memory");
		return EXIT_OTHER;
	}
	struct outcome out = {.o = &o, .reply = reply};
	hlv_addr_print(&o.client.server, out.addr);
	enum hlv_err err = dig_ask(&o, reply);
	if (err == HLV_OK && o.certified)
		out.verified = dig_verify(&o, reply, out.trust);
	code = err == HLV_OK ? print(&out) : no_reply(&out, err);
	dig_reply_free(reply);
	free(reply);
	hlv_prove_forget(&o.self);
	return code;
}
