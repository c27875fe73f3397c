/* SPDX-License-Identifier: Apache-2.0
 *
 * EPC URNs (GS1 EPC Tag Data Standard 6, 7): what RFID readers and EPCIS call a GS1 key. The company
 * prefix stands for itself in them, the check digit is left out, and the serial is behind the last dot.
 */
#include "proto/base/hex.h"
#include "proto/wire/scheme_inner.h"

enum {
	COMPANY_MIN = 6,
	COMPANY_MAX = 12,
	KEY_MAX = 128,
};

enum last { NOTHING, QUALIFIES, APPENDED };

struct epc {
	const char *name; /* with its colon */
	const char *ai;
	uint8_t digits; /* of company prefix and reference; 0: characters, and no check digit */
	bool front;	/* the reference's first digit stands in front of the company prefix */
	uint8_t pieces; /* fields of two digits behind the check digit (ITIP) */
	enum last last; /* what the field behind all these is */
	const char *which; /* QUALIFIES: of this AI */
	const char *none;  /* the field says this when there is none */
};

static const struct epc kinds[] = {
	{"id:sgtin:", "01", 13, true, 0, QUALIFIES, "21", NULL},
	{"class:lgtin:", "01", 13, true, 0, QUALIFIES, "10", NULL},
	{"idpat:sgtin:", "01", 13, true, 0, QUALIFIES, "21", "*"},
	{"id:upui:", "01", 13, true, 0, QUALIFIES, "235", NULL},
	{"id:itip:", "8006", 13, true, 2, QUALIFIES, "21", NULL},
	{"id:sscc:", "00", 17, true, 0, NOTHING, NULL, NULL},
	{"id:sgln:", "414", 12, false, 0, QUALIFIES, "254", "0"},
	{"id:pgln:", "417", 12, false, 0, NOTHING, NULL, NULL},
	{"id:grai:", "8003", 12, false, 0, APPENDED, NULL, NULL},
	{"id:gdti:", "253", 12, false, 0, APPENDED, NULL, NULL},
	{"id:sgcn:", "255", 12, false, 0, APPENDED, NULL, NULL},
	{"id:gsrn:", "8018", 17, false, 0, NOTHING, NULL, NULL},
	{"id:gsrnp:", "8017", 17, false, 0, NOTHING, NULL, NULL},
	{"id:gsin:", "402", 16, false, 0, NOTHING, NULL, NULL},
	{"id:giai:", "8004", 0, false, 0, NOTHING, NULL, NULL},
	{"id:ginc:", "401", 0, false, 0, NOTHING, NULL, NULL},
	{"id:cpi:", "8010", 0, false, 0, QUALIFIES, "8011", NULL},
};

static bool are_digits(struct hlv_bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] < '0' || b.p[i] > '9')
			return false;
	return true;
}

/* Up to the next dot, or, of the `last` field, everything: a serial may have dots of its own. */
static struct hlv_bytes field(struct hlv_bytes *rest, bool last)
{
	const uint8_t *dot = rest->n && !last ? memchr(rest->p, '.', rest->n) : NULL;
	struct hlv_bytes one = hlv_head(*rest, dot ? (size_t)(dot - rest->p) : rest->n);
	*rest = hlv_skip(*rest, one.n + (dot != NULL));
	return one;
}

static enum hlv_err put_decoded(struct scheming *s, struct hlv_bytes text, struct hlv_writer *w)
{
	struct hlv_bytes plain;
	if (hlv_percent_decode(text, HLV_PERCENT_URL, s->arena, &plain) != HLV_OK)
		return scheme_wrong(s, "a percent sign without two hexadecimal digits");
	hlv_put(w, plain);
	return HLV_OK;
}

/* The numeric part of the key, with its check digit. */
static enum hlv_err put_digits(struct scheming *s, const struct epc *kind,
			       struct hlv_bytes company, struct hlv_bytes ref,
			       struct hlv_writer *w)
{
	size_t from = w->n;
	if (!are_digits(ref) || company.n + ref.n != kind->digits ||
	    (kind->front && ref.n == 0))
		return scheme_wrong(s,
				    "urn:epc:%.*s: company prefix and reference have %u digits "
				    "together",
				    (int)strlen(kind->name) - 1, kind->name, kind->digits);
	if (kind->front) {
		hlv_put(w, hlv_head(ref, 1));
		ref = hlv_skip(ref, 1);
	}
	hlv_put(w, company);
	hlv_put(w, ref);
	if (!w->bad)
		hlv_put_u8(w, (uint8_t)hlv_gs1_check_digit(w->p + from, w->n - from));
	return HLV_OK;
}

static enum hlv_err put_pieces(struct scheming *s, const struct epc *kind,
			       struct hlv_bytes *rest, struct hlv_writer *w)
{
	for (unsigned i = 0; i < kind->pieces; i++) {
		struct hlv_bytes piece = field(rest, false);
		if (piece.n != 2 || !are_digits(piece))
			return scheme_wrong(s,
					    "urn:epc:%s piece and total have two digits each",
					    kind->name);
		hlv_put(w, piece);
	}
	return HLV_OK;
}

static enum hlv_err read_kind(struct scheming *s, const struct epc *kind, struct hlv_bytes rest)
{
	uint8_t *room = hlv_alloc_raw(s->arena, KEY_MAX);
	struct hlv_writer w = hlv_writer(room, room ? KEY_MAX : 0), tail = {0};
	struct hlv_gs1_pair pairs[2] = {{hlv_text(kind->ai), {0}}};
	struct hlv_bytes company = field(&rest, false);
	bool more = kind->last != NOTHING;
	if (!room)
		return HLV_E_NOMEM;
	if (company.n < COMPANY_MIN || company.n > COMPANY_MAX || !are_digits(company))
		return scheme_wrong(s, "urn:epc:%s a company prefix has 6 to 12 digits",
				    kind->name);
	struct hlv_bytes ref = field(&rest, !more && kind->pieces == 0);
	if (hlv_eq(pairs[0].ai, hlv_text("8003")))
		hlv_put_u8(&w, '0');
	if (kind->digits) {
		HLV_TRY(put_digits(s, kind, company, ref, &w));
	} else {
		hlv_put(&w, company);
		HLV_TRY(put_decoded(s, ref, &w));
	}
	HLV_TRY(put_pieces(s, kind, &rest, &w));
	if (more && rest.n == 0)
		return scheme_wrong(s, "urn:epc:%s a field is missing at the end", kind->name);
	if (kind->last == APPENDED)
		HLV_TRY(put_decoded(s, rest, &w));
	pairs[0].value = hlv_written(&w);
	bool qualified =
		kind->last == QUALIFIES && !(kind->none && hlv_eq(rest, hlv_text(kind->none)));
	if (qualified) {
		tail = hlv_writer(hlv_alloc_raw(s->arena, rest.n), rest.n);
		if (!tail.p)
			return HLV_E_NOMEM;
		HLV_TRY(put_decoded(s, rest, &tail));
		pairs[1] = (struct hlv_gs1_pair){hlv_text(kind->which), hlv_written(&tail)};
	}
	if (w.bad)
		return scheme_wrong(s, "urn:epc:%s longer than any key", kind->name);
	return scheme_gs1(s, pairs, qualified ? 2 : 1, false);
}

enum hlv_err scheme_epc(struct scheming *s, struct hlv_bytes text)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (scheme_has_word(text, kinds[i].name))
			return read_kind(s, &kinds[i], hlv_skip(text, strlen(kinds[i].name)));
	return scheme_wrong(s,
			    "an EPC URN of a kind that is not read: give the element string, "
			    "(01)...(21)...");
}
