/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "proto/net/client.h"
#include "tools/args.h"
#include "tools/load/load.h"
#include "tools/load/report.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, GO_ON = -1, WINDOW = 256 };

static const char help[] =
	"usage: helveload @server:port --names FILE [options]\n"
	"Ask for identifiers as fast as possible, or at a given rate, and measure.\n"
	"  --names FILE    one identifier a line\n"
	"  --udp, --tcp    transport (default: udp)\n"
	"  --http          GET /api/handles/ID over HTTP, one under way on each connection;\n"
	"                  with --tls over HTTPS (names are sent as they are in FILE)\n"
	"  --reconnect     with --tcp: a connection for each question\n"
	"  --cert          ask for signed answers; unsigned ones do not count as ok\n"
	"  --rate N        open loop: N questions a second; latency counts from the time\n"
	"                  at which a question was due\n"
	"  --window N      closed loop: N questions under way (default: 256)\n"
	"  --sockets N     sockets or connections (default: 4)\n"
	"  --seconds S     how long to send (default: 10)\n"
	"  --count N       send no more than N questions\n"
	"  --timeout MS    then a question is lost (default: 1000)\n"
	"  --seed N        order of the identifiers (default: 1)\n"
	"  --first N       ask only for the first N identifiers in that order\n"
	"  --protocol 2.N  version of the protocol, 2.1 to 2.11 (default: 2.11)\n"
	"  --check         answers must repeat the identifier and hold values\n"
	"  --create PREFIX register instead of asking, new identifiers under PREFIX; with\n"
	"  --auth INDEX:HANDLE and --key FILE or --secret-file FILE; by TCP, after a login,\n"
	"                  one under way on each connection (default)\n"
	"  --bulk N        the same by chunks of N records (Helve's own operation)\n"
	"  --anywhere      also against addresses that are not this machine's\n"
	"  --json          one JSON object instead of text\n"
	"  -V, -h          version, help\n"
	"Not built yet: --tls without --http.\n"
	"The last line is: qps=N ok=N lost=N p50_us=N p99_us=N p999_us=N\n"
	"Exit: 0 answers came and none was wrong; 1 failed; 2 usage.\n";

static volatile int interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

enum option_code {
	O_NAMES = 256,
	O_UDP,
	O_TCP,
	O_TLS,
	O_HTTP,
	O_RECONNECT,
	O_CERT,
	O_RATE,
	O_WINDOW,
	O_SOCKETS,
	O_SECONDS,
	O_TIMEOUT,
	O_SEED,
	O_FIRST,
	O_CHECK,
	O_ANYWHERE,
	O_JSON,
	O_COUNT,
	O_PROTOCOL,
	O_CREATE,
	O_AUTH,
	O_KEY,
	O_SECRET,
	O_BULK,
};

static const struct option long_options[] = {
	{"names", required_argument, NULL, O_NAMES},
	{"udp", no_argument, NULL, O_UDP},
	{"tcp", no_argument, NULL, O_TCP},
	{"tls", no_argument, NULL, O_TLS},
	{"http", no_argument, NULL, O_HTTP},
	{"reconnect", no_argument, NULL, O_RECONNECT},
	{"cert", no_argument, NULL, O_CERT},
	{"rate", required_argument, NULL, O_RATE},
	{"window", required_argument, NULL, O_WINDOW},
	{"sockets", required_argument, NULL, O_SOCKETS},
	{"seconds", required_argument, NULL, O_SECONDS},
	{"count", required_argument, NULL, O_COUNT},
	{"timeout", required_argument, NULL, O_TIMEOUT},
	{"seed", required_argument, NULL, O_SEED},
	{"create", required_argument, NULL, O_CREATE},
	{"auth", required_argument, NULL, O_AUTH},
	{"key", required_argument, NULL, O_KEY},
	{"secret-file", required_argument, NULL, O_SECRET},
	{"bulk", required_argument, NULL, O_BULK},
	{"first", required_argument, NULL, O_FIRST},
	{"protocol", required_argument, NULL, O_PROTOCOL},
	{"check", no_argument, NULL, O_CHECK},
	{"anywhere", no_argument, NULL, O_ANYWHERE},
	{"json", no_argument, NULL, O_JSON},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static bool protocol_option(struct load_options *o)
{
	for (int minor = 1; minor <= HLV_OUR_VERSION % 256; minor++) {
		char text[8];
		snprintf(text, sizeof text, "2.%d", minor);
		o->version = HLV_V(2, minor);
		if (strcmp(text, optarg) == 0)
			return true;
	}
	args_complain("--protocol: '%s' is none of 2.1 to 2.11", optarg);
	return false;
}

static int number_option(struct load_options *o, int option)
{
	bool ok = false;
	switch (option) {
	case O_RATE:
		ok = args_decimal("--rate", optarg, 0.001, 1e8, &o->rate);
		break;
	case O_WINDOW:
		ok = args_u32("--window", optarg, 1, LOAD_WINDOW_MAX, &o->window);
		break;
	case O_SOCKETS:
		ok = args_u32("--sockets", optarg, 1, LOAD_SOCKETS_MAX, &o->sockets);
		break;
	case O_SECONDS:
		ok = args_decimal("--seconds", optarg, 0.001, 86400, &o->seconds);
		break;
	case O_TIMEOUT:
		ok = args_u32("--timeout", optarg, 1, 60000, &o->timeout_ms);
		break;
	case O_BULK:
		ok = args_u32("--bulk", optarg, 1, CREATE_BULK_MAX, &o->bulk);
		break;
	case O_COUNT:
		ok = args_u64("--count", optarg, 1, UINT64_MAX, &o->count);
		break;
	case O_PROTOCOL:
		ok = protocol_option(o);
		break;
	case O_SEED:
		ok = args_u64("--seed", optarg, 0, UINT64_MAX, &o->seed);
		break;
	case O_FIRST:
		ok = args_u64("--first", optarg, 1, UINT32_MAX, &o->first);
		break;
	}
	return ok ? GO_ON : EXIT_USAGE;
}

static int proof_option(struct load_options *o, int option)
{
	char why[256] = "";
	enum hlv_err err = option == O_KEY ? hlv_prove_read_key(&o->id, optarg, why)
					   : hlv_prove_read_secret(&o->id, optarg, why);
	if (err == HLV_OK)
		return GO_ON;
	args_complain("%s", why);
	return EXIT_FAILED;
}

static bool can_create(const struct load_options *o)
{
	if (o->id.who.handle.n == 0 || (!o->id.key && o->id.secret.n == 0))
		args_complain("--create: as whom? say --auth INDEX:HANDLE and --key FILE");
	else if (o->id.who.handle.n > 512 || strlen(o->create) > CREATE_PREFIX_MAX)
		args_complain("--create: more than %d octets", CREATE_PREFIX_MAX);
	else if (o->transport != HLV_T_TCP || o->reconnect || o->certified)
		args_complain("--create goes by TCP, without --reconnect and --cert");
	else if (create_max(&(struct create_form){.prefix = o->create, .bulk = o->bulk}) >
		 HLV_MESSAGE_MAX)
		args_complain("--bulk %u: more than one message holds", o->bulk);
	else
		return true;
	return false;
}

static int plain_option(struct load_options *o, int option)
{
	switch (option) {
	case O_NAMES:
		o->names = optarg;
		return GO_ON;
	case O_CREATE:
		o->create = optarg;
		o->transport = HLV_T_TCP;
		return GO_ON;
	case O_AUTH:
		o->id.who = hlv_ref_parse(hlv_text(optarg));
		return GO_ON;
	case O_KEY:
	case O_SECRET:
		return proof_option(o, option);
	case O_UDP:
		o->transport = HLV_T_UDP;
		return GO_ON;
	case O_TCP:
		o->transport = HLV_T_TCP;
		return GO_ON;
	case O_RECONNECT:
		o->reconnect = true;
		return GO_ON;
	case O_CERT:
		o->certified = true;
		return GO_ON;
	case O_CHECK:
		o->check = true;
		return GO_ON;
	case O_ANYWHERE:
		o->anywhere = true;
		return GO_ON;
	case O_JSON:
		o->json = true;
		return GO_ON;
	case O_TLS:
		o->transport = HLV_T_TLS;
		return GO_ON;
	case O_HTTP:
		o->http = true;
		if (o->transport == HLV_T_UDP)
			o->transport = HLV_T_TCP;
		return GO_ON;
	case 'V':
		puts("helveload " HELVE_VERSION);
		return EXIT_DONE;
	case 'h':
		fputs(help, stdout);
		return EXIT_DONE;
	case '?':
		args_complain("see helveload -h");
		return EXIT_USAGE;
	}
	return number_option(o, option);
}

static bool is_sound(const struct load_options *o, const char *server)
{
	char addr[HLV_ADDR_TEXT];
	if (!server || server[0] != '@') {
		args_complain("which server? say @address:port");
		return false;
	}
	if (o->create && !can_create(o))
		return false;
	if (!o->names && !o->create) {
		args_complain("which identifiers? say --names FILE");
		return false;
	}
	if (o->transport == HLV_T_TLS && !o->http) {
		args_complain("--tls is not built yet without --http");
		return false;
	}
	if (o->http &&
	    (o->transport == HLV_T_UDP || o->reconnect || o->certified || o->create)) {
		args_complain("--http goes alone or with --tls");
		return false;
	}
	if (o->reconnect && o->transport != HLV_T_TCP) {
		args_complain("--reconnect goes with --tcp");
		return false;
	}
	if (!o->anywhere && !hlv_addr_is_loopback(&o->server)) {
		args_complain("%s is not on this machine; if its owner agrees to the load, say "
			      "--anywhere",
			      hlv_addr_print(&o->server, addr));
		return false;
	}
	return true;
}

static int parse(int argc, char **argv, struct load_options *o)
{
	*o = (struct load_options){.transport = HLV_T_UDP,
				   .window = WINDOW,
				   .sockets = 4,
				   .seconds = 10,
				   .timeout_ms = 1000,
				   .seed = 1,
				   .version = HLV_OUR_VERSION};
	for (int c; (c = getopt_long(argc, argv, "Vh", long_options, NULL)) != -1;) {
		int code = plain_option(o, c);
		if (code != GO_ON)
			return code;
	}
	const char *server = optind < argc ? argv[optind++] : NULL;
	if (optind < argc) {
		args_complain("'%s' is one argument too many", argv[optind]);
		return EXIT_USAGE;
	}
	if (server && server[0] == '@' &&
	    hlv_addr_parse(server + 1, HLV_PORT, &o->server) != HLV_OK) {
		args_complain("'%s' is no address; say @127.0.0.1:2641 or @[::1]:2641",
			      server + 1);
		return EXIT_USAGE;
	}
	/* Fewer questions under way than sockets would leave some without any. */
	if (o->rate <= 0 &&
	    (o->window < o->sockets || ((o->create || o->http) && o->window == WINDOW)))
		o->window = o->sockets;
	return is_sound(o, server) ? GO_ON : EXIT_USAGE;
}

/* Signed answers seldom fit into one datagram, and servers send several only to addresses that
 * have shown by TCP that they are real. Whether it works will be seen in the answers. */
static void introduce(const struct load *l)
{
	uint8_t out[QUESTION_MAX];
	uint32_t id = 0;
	struct hlv_client c;
	struct hlv_client_report report;
	struct hlv_buf answer = {0};
	hlv_client_init(&c, &l->o->server);
	c.transport = HLV_T_TCP;
	c.total_ms = 2000;
	if (hlv_client_request_id(&id) == HLV_OK) {
		size_t n = question_build(&l->form, id, names_get(&l->names, 0), out);
		(void)!hlv_client_ask(&c, hlv_bytes(out, n), &answer, &report);
	}
	hlv_buf_free(&answer);
}

static int run(const struct load_options *o)
{
	static struct load load; /* 40 KiB of histogram */
	char why[256] = "", addr[HLV_ADDR_TEXT];
	enum hlv_err err = load_init(&load, o, why);
	if (err != HLV_OK) {
		args_complain("%s", why);
		load_fini(&load);
		return EXIT_FAILED;
	}
	load.interrupted = &interrupted;
	if (o->certified && o->transport == HLV_T_UDP)
		introduce(&load);
	load_begin(&load);
	if (o->http)
		err = load_http(&load);
	else
		err = o->transport == HLV_T_UDP ? load_udp(&load) : load_tcp(&load);
	if (err == HLV_OK)
		report_print(&load);
	uint64_t ok = load.verdicts[VERDICT_OK];
	if (err != HLV_OK || ok == 0)
		args_complain("%s: %s", hlv_addr_print(&o->server, addr),
			      load.os_error   ? strerror(load.os_error)
			      : err != HLV_OK ? hlv_strerror(err)
			      : load.refusal  ? hlv_rc_text(load.refusal)
					      : "no good answer");
	bool good = err == HLV_OK && ok > 0 && load.verdicts[VERDICT_WRONG] == 0;
	load_fini(&load);
	return good ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct load_options o;
	args_program("helveload");
	int code = parse(argc, argv, &o);
	if (code != GO_ON) {
		hlv_prove_forget(&o.id);
		return code;
	}
	struct sigaction sa = {.sa_handler = on_signal};
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	code = run(&o);
	hlv_prove_forget(&o.id);
	return code;
}
