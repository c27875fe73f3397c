/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/dig/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/args.h"

static const char settings_file[] = "/etc/helve/hdig.yaml";

static const char help[] =
	"usage: hdig [@server[:port]] ID [TYPE...] [+option...]\n"
	"Ask one server about one identifier.\n"
	"  +short        the data alone, a line for each value\n"
	"  +json         one JSON object (also --json)\n"
	"  +index=N      only the value with this index; may be repeated\n"
	"  +auth         ask for an authoritative answer\n"
	"  +auth=INDEX:HANDLE with +key=FILE or +secret=FILE: private values too, as that\n"
	"                identity; by TCP or TLS\n"
	"  +cert         ask for a signed answer and verify it, by default with the key\n"
	"                that the asked server shows in its site record\n"
	"  +root=FILE    a site record (JSON or binary) whose keys are believed instead\n"
	"  +site=FILE    the same\n"
	"  +trace        ask nobody but the nodes themselves, from the root downwards, and "
	"show\n"
	"                each step and how it was proven; the root is in +root=FILE, else in\n"
	"                /etc/helve/root.json\n"
	"  +tcp          by TCP from the start\n"
	"  +tls          by TLS, whatever key the server holds; +cert verifies the answer\n"
	"  +time=S       wait S seconds for each try (default: 0.5, 1, 1.5)\n"
	"  +retry=N      try N times more by UDP (default: 2)\n"
	"  -V, -h        version, help\n"
	"Without @server: $HELVE_RESOLVER, then 'server:' in /etc/helve/hdig.yaml, then\n"
	"127.0.0.1:2641.\n"
	"Exit: 0 answered with values, 3 identifier or values not found, 4 refused,\n"
	"5 signature or trust failure, 9 no reply, 1 other failure, 2 usage.\n";

/* Set every wait; with UDP the rest of the time is TCP's. */
static bool set_time(struct dig_options *o, const char *text)
{
	double seconds;
	if (!args_decimal("+time", text, 0.001, 600, &seconds))
		return false;
	for (size_t i = 0; i < HLV_CLIENT_TRIES_MAX; i++)
		o->client.wait_ms[i] = (uint32_t)(seconds * 1000);
	return true;
}

static bool set_index(struct dig_options *o, const char *text)
{
	if (o->nindexes == DIG_INDEXES_MAX) {
		args_complain("+index: more than %d of them", DIG_INDEXES_MAX);
		return false;
	}
	return args_u32("+index", text, 1, INT32_MAX, &o->indexes[o->nindexes++]);
}

static bool set_retry(struct dig_options *o, const char *text)
{
	uint32_t n;
	if (!args_u32("+retry", text, 0, HLV_CLIENT_TRIES_MAX - 1, &n))
		return false;
	o->client.tries = n + 1;
	return true;
}

static bool set_site(struct dig_options *o, const char *text)
{
	o->site_file = text;
	return true;
}

static bool set_auth(struct dig_options *o, const char *text)
{
	o->self.who = hlv_ref_parse(hlv_text(text));
	if (o->self.who.handle.n > 0)
		return true;
	args_complain("+auth=%s: expected INDEX:HANDLE, as 300:0.NA/88.118", text);
	return false;
}

static bool told(enum hlv_err err, const char *why)
{
	if (err != HLV_OK)
		args_complain("%s", why);
	return err == HLV_OK;
}

static bool set_key(struct dig_options *o, const char *text)
{
	char why[256] = "";
	return told(hlv_prove_read_key(&o->self, text, why), why);
}

static bool set_secret(struct dig_options *o, const char *text)
{
	char why[256] = "";
	return told(hlv_prove_read_secret(&o->self, text, why), why);
}

/* An identity and its proof come together, and never by UDP, where a challenge's answer could be
 * asked for by anybody. */
static bool settle_identity(struct dig_options *o)
{
	bool proof = o->self.key || o->self.secret.n > 0;
	if (proof != (o->self.who.handle.n > 0)) {
		args_complain("+auth=INDEX:HANDLE goes with +key=FILE or +secret=FILE");
		return false;
	}
	if (proof && o->client.transport == HLV_T_UDP)
		o->client.transport = HLV_T_TCP;
	return true;
}

/* A trace asks in public, by itself: an identity or a server has no place in it. */
static bool settle_trace(struct dig_options *o)
{
	if (o->trace && (o->self.who.handle.n > 0 || o->client.server.len > 0)) {
		args_complain("+trace starts from the root: it goes neither with @server nor "
			      "with +auth=INDEX:HANDLE");
		return false;
	}
	return true;
}

static bool plus_value(struct dig_options *o, const char *text)
{
	static const struct {
		const char *name;
		bool (*set)(struct dig_options *, const char *);
	} rows[] = {
		{"index=", set_index}, {"time=", set_time},	{"retry=", set_retry},
		{"root=", set_site},   {"site=", set_site},	{"auth=", set_auth},
		{"key=", set_key},     {"secret=", set_secret},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t n = strlen(rows[i].name);
		if (strncmp(text, rows[i].name, n) == 0 && text[n])
			return rows[i].set(o, text + n);
	}
	args_complain("+%s is not an option; see hdig -h", text);
	return false;
}

/* What stands behind the plus sign. */
static bool plus_option(struct dig_options *o, const char *text)
{
	if (strcmp(text, "short") == 0)
		o->form = DIG_SHORT;
	else if (strcmp(text, "json") == 0)
		o->form = DIG_JSON;
	else if (strcmp(text, "cert") == 0)
		o->certified = true;
	else if (strcmp(text, "auth") == 0)
		o->authoritative = true;
	else if (strcmp(text, "tcp") == 0)
		o->client.transport = HLV_T_TCP;
	else if (strcmp(text, "tls") == 0)
		o->client.transport = HLV_T_TLS;
	else if (strcmp(text, "trace") == 0)
		o->trace = true;
	else
		return plus_value(o, text);
	return true;
}

static bool set_server(struct dig_options *o, const char *text, const char *where)
{
	if (hlv_addr_parse(text, HLV_PORT, &o->client.server) == HLV_OK)
		return true;
	args_complain("%s: '%s' is no address; say 127.0.0.1:2641 or [::1]:2641", where, text);
	return false;
}

/* The value of "server:" in our settings, which may stand in quotes. The file needs no more of
 * YAML than that. */
static bool server_from_line(char *line, char **server)
{
	static const char key[] = "server:";
	if (strncmp(line, key, sizeof key - 1) != 0)
		return false;
	char *p = line + sizeof key - 1;
	p += strspn(p, " \t\"'");
	p[strcspn(p, " \t\r\n\"'#")] = '\0';
	*server = p;
	return *p != '\0';
}

static bool server_from_file(struct dig_options *o, bool *found)
{
	char line[256], *server = NULL;
	*found = false;
	FILE *f = fopen(settings_file, "re");
	if (!f && errno != ENOENT)
		args_complain("%s: %s", settings_file, strerror(errno));
	if (!f)
		return errno == ENOENT;
	while (!*found && fgets(line, sizeof line, f))
		*found = server_from_line(line, &server);
	fclose(f);
	return !*found || set_server(o, server, settings_file);
}

static bool default_server(struct dig_options *o)
{
	const char *resolver = getenv("HELVE_RESOLVER");
	if (resolver && *resolver)
		return set_server(o, resolver, "HELVE_RESOLVER");
	bool found;
	if (!server_from_file(o, &found) || found)
		return found;
	return set_server(o, "127.0.0.1", "default");
}

/* U+FF0E and U+FF0F are what Chinese input methods give for "." and "/": legal octets, hardly
 * ever meant (industrial.md 2.2). */
static void hint_fullwidth(struct hlv_bytes id)
{
	for (size_t i = 0; i + 3 <= id.n; i++)
		if (memcmp(id.p + i, "\xEF\xBC\x8E", 3) == 0 ||
		    memcmp(id.p + i, "\xEF\xBC\x8F", 3) == 0) {
			args_complain("hint: the identifier has a fullwidth '.' or '/' in it; "
				      "asked as typed");
			return;
		}
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The identifier inside what people paste: surrounding blanks and "hdl:" (industrial.md 2.2).
 */
static struct hlv_bytes unwrap(const char *text)
{
	struct hlv_bytes id = hlv_text(text);
	while (id.n > 0 && is_blank(id.p[0]))
		id = hlv_skip(id, 1);
	while (id.n > 0 && is_blank(id.p[id.n - 1]))
		id.n--;
	if (hlv_eq_fold(hlv_head(id, 4), hlv_text("hdl:")))
		id = hlv_skip(id, 4);
	return id;
}

static bool positional(struct dig_options *o, const char *text, bool *have_id)
{
	if (!*have_id) {
		*have_id = true;
		o->id = unwrap(text);
		hint_fullwidth(o->id);
		if (o->id.n > 0 && o->id.n <= HLV_IDENTIFIER_MAX)
			return true;
		args_complain("'%s': an identifier has 1 to %d octets", text,
			      HLV_IDENTIFIER_MAX);
		return false;
	}
	if (o->ntypes == DIG_TYPES_MAX) {
		args_complain("more than %d types", DIG_TYPES_MAX);
		return false;
	}
	o->types[o->ntypes++] = text;
	return true;
}

/* The time for all: every wait, and once more the longest for TCP. */
static void set_total(struct hlv_client *c)
{
	uint32_t longest = 5000, total = 0;
	for (unsigned i = 0; i < c->tries; i++)
		total += c->wait_ms[i];
	if (c->wait_ms[0] != 500)
		longest = c->wait_ms[0];
	c->total_ms = c->transport == HLV_T_UDP ? total + longest : longest;
}

int dig_options_parse(int argc, char **argv, struct dig_options *o)
{
	*o = (struct dig_options){0};
	struct hlv_addr none = {0};
	hlv_client_init(&o->client, &none);
	bool have_id = false, plain = false, ok = true;
	for (int i = 1; i < argc && ok; i++) {
		const char *arg = argv[i];
		if (!plain && strcmp(arg, "--") == 0) {
			plain = true;
		} else if (!plain && (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0)) {
			fputs(help, stdout);
			return 0;
		} else if (!plain &&
			   (strcmp(arg, "-V") == 0 || strcmp(arg, "--version") == 0)) {
			puts("hdig " HELVE_VERSION);
			return 0;
		} else if (!plain && strcmp(arg, "--json") == 0) {
			o->form = DIG_JSON;
		} else if (!plain && arg[0] == '-') {
			args_complain("%s is not an option; see hdig -h", arg);
			ok = false;
		} else if (!plain && arg[0] == '@') {
			ok = set_server(o, arg + 1, "@server");
		} else if (!plain && arg[0] == '+') {
			ok = plus_option(o, arg + 1);
		} else {
			ok = positional(o, arg, &have_id);
		}
	}
	if (ok && !have_id) {
		args_complain("which identifier? see hdig -h");
		ok = false;
	}
	ok = ok && settle_identity(o) && settle_trace(o);
	set_total(&o->client);
	if (ok && o->client.server.len == 0 && !o->trace)
		ok = default_server(o);
	return ok ? DIG_GO_ON : 2;
}
