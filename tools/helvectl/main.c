/* SPDX-License-Identifier: Apache-2.0
 *
 * helvectl: administration of a node's registry. One table of verbs, one function each.
 */
#include <stdlib.h>

#include "tools/helvectl/ctl.h"
#include "tools/helvectl/remote.h"

static const struct ctl_verb verbs[] = {
	{"init",
	 "--prefix P [--listen A:P] [--http A:P] [--address A] [--parent DIR|SITE.json]\n"
	 "       [--key rsa|p256|ed25519|sm2]\n"
	 "       helvectl init --resolver --root DIR|SITE.json [--listen A:P] [--key KIND]",
	 "A new node in DIR: keys, configuration, site record, prefix record, P homed; or a "
	 "directory for helver.",
	 cmd_init},
	{"delegate",
	 "P --to SITE|DIR [--to ...] [--service ID ...] [--only items|prefixes]\n"
	 "                [--child-key FILE] [--no-sign]\n"
	 "       helvectl delegate P --remove [--only items|prefixes]",
	 "P is served elsewhere: its sites, or services, go into 0.NA/P.", cmd_delegate},
	{"load", "FILE... [--format jsonl|hsv9|csv|batch] [--dry-run] [--resume] [--atomic]",
	 "Register many records; what fails stands in FILE.rejected with the reason.",
	 cmd_load},
	{"dump", "[--prefix P] [--format jsonl|batch|csv] [--secrets]",
	 "All records, or those of a prefix, in key order, to standard output.", cmd_dump},
	{"get", "ID [--at TIME] [--secrets]", "One record, as it is or as it was.", cmd_get},
	{"put",
	 "ID [--ttl S] [--perms 1110] --value 'INDEX TYPE DATA'... [--file 'INDEX TYPE "
	 "PATH']...",
	 "Set values of a record, which is made if it is not there.", cmd_put},
	{"rm", "ID", "Delete a record.", cmd_rm},
	{"history", "ID", "What a record was, newest first, with the number of each change.",
	 cmd_history},
	{"undo", "ID|SEQ [--dry-run]",
	 "Make a record what it was before its last change, or undo a change.", cmd_undo},
	{"state", "ID active|reserved|registered|frozen|revoked [--reason TEXT]",
	 "Set the life-cycle state of a record.", cmd_state},
	{"lock",
	 "ID client-delete|client-update|client-transfer|\n"
	 "              server-delete|server-update|server-transfer... [--reason TEXT]",
	 "Prohibit what the locks name.", cmd_lock},
	{"unlock", "ID LOCK...", "Lift locks.", cmd_unlock},
	{"list", "P", "The identifiers under a prefix.", cmd_list},
	{"count", "[P]", "How many identifiers there are, in all or under a prefix.",
	 cmd_count},
	{"home", "P", "Serve a prefix from this node.", cmd_home},
	{"unhome", "P", "Serve a prefix no more; its records stay.", cmd_unhome},
	{"admin",
	 "list P\n"
	 "       helvectl admin add P --key FILE|--secret-file FILE\n"
	 "       helvectl admin rm P INDEX",
	 "Who administers a prefix, each with a key of their own.", cmd_admin},
	{"sign",
	 "ID|--prefix P [--key FILE] [--as 300:0.NA/P] [--days N] [--passphrase-file F]",
	 "Sign a record, or all of a prefix: HS_SIGNATURE over what the public may read.",
	 cmd_sign},
	{"cert", "P --to KEY|DIR [--key FILE] [--as 300:0.NA/P] [--days N]",
	 "Certify the key of 300:0.NA/P, in 0.NA/P: its holder may sign what is under P.",
	 cmd_cert},
	{"anchor",
	 "[list] [--file anchors.json]\n"
	 "       helvectl anchor add KEY|SITE|DIR [--prefix P --subject 300:0.NA/P] "
	 "[--pending]\n"
	 "       helvectl anchor revoke N | remove N [--forget]",
	 "Whom a resolver believes.", cmd_anchor},
	{"key",
	 "new FILE [--key rsa|p256|ed25519|sm2] [--passphrase-file F]\n"
	 "       helvectl key show FILE [--passphrase-file F]\n"
	 "       helvectl key convert FILE NEW --to bin|pem|jwk [--passphrase-file F]\n"
	 "                [--new-passphrase-file F]",
	 "Make, show or convert a key; a passphrase file '-' is the terminal.", cmd_key},
	{"backup", "FILE", "All records, homed prefixes and a checksum, into one file.",
	 cmd_backup},
	{"restore", "FILE", "Fill an empty registry from a backup that is whole.", cmd_restore},
	{"verify", "", "Read everything and check it.", cmd_verify},
	{"audit",
	 "verify [--head FILE]\n"
	 "       helvectl audit show|export [ID] [--last N]\n"
	 "       helvectl audit head|checkpoint",
	 "Who changed what, and the proof that this is all of it.", cmd_audit},
	{"quota", "[list] | set SUBJECT [--records N] [--per-day N] | clear SUBJECT",
	 "Limits of a prefix, or of an identity INDEX:HANDLE, that the server keeps.",
	 cmd_quota},
	{"index", "[show] | rebuild",
	 "The index of values that searches go by: types (option index-types) and sizes.",
	 cmd_index},
	{"site",
	 "[show]\n"
	 "       helvectl site add-server DIR|SITE | rm-server N | join DIR|SITE\n"
	 "       helvectl site set [--hash prefix|suffix|all] [--primary yes|no] [--tls "
	 "yes|no]\n"
	 "                [--desc TEXT] [--alt-addr A]\n"
	 "       helvectl site server-of ID | prune",
	 "This node's site record: its servers, and who of them has what.", cmd_site},
	{"cache",
	 "stats | show [WHAT] | flush WHAT|all | dump FILE [WHAT] | load FILE\n"
	 "       [--socket PATH]   WHAT: an identifier, 88.118.8/, 88.118.*, or a pattern",
	 "What the helver on DIR remembers.", cmd_cache},
	{"status", "", "What this node holds.", cmd_status},
	{"doctor", "", "Does the node stand as its files say? Ports, keys, site, parent, room.",
	 cmd_doctor},
	{"slow", "", "The questions of late that took longest to answer.", cmd_slow},
	{"chain", "ID [--http A:P]",
	 "How the answer about an identifier came to be believed, step by step.", cmd_chain},
	{"reload", "", "Let the server on DIR read its configuration, keys and site anew.",
	 cmd_reload},
};

enum { VERBS = sizeof verbs / sizeof verbs[0] };

static void help(void)
{
	fputs("usage: helvectl [-d DIR] VERB ...\n"
	      "  -d DIR  the node's directory (default: the current one)\n"
	      "  --json  what is printed as one JSON object\n"
	      "  --server A[:P] --auth INDEX:HANDLE --key FILE|--secret-file FILE\n"
	      "          ask that server, over TLS, instead of working on DIR: get, put, rm, "
	      "list,\n"
	      "          load, home, unhome, delegate, status, history, undo, audit\n"
	      "  --site FILE|DIR  its site record, whose key it must hold (default: "
	      "DIR/site.json);\n"
	      "          --insecure does without\n"
	      "  -V -h   version, help; helvectl VERB -h tells more\n\n",
	      stdout);
	for (size_t i = 0; i < VERBS; i++)
		printf("  %-9s %s\n", verbs[i].name, verbs[i].help);
}

static const struct ctl_verb *find(const char *name)
{
	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'},
						{"json", no_argument, NULL, 'j'},
						{"version", no_argument, NULL, 'V'},
						{"server", required_argument, NULL, 'S'},
						{"auth", required_argument, NULL, 'A'},
						{"key", required_argument, NULL, 'K'},
						{"secret-file", required_argument, NULL, 'P'},
						{"site", required_argument, NULL, 'I'},
						{"insecure", no_argument, NULL, 'X'},
						{0}};
	struct ctl ctl = {.dir = ".", .lock = -1};
	struct remote_options remote = {0};
	int opt;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+:d:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'd':
			ctl.dir = optarg;
			break;
		case 'h':
			help();
			return CTL_DONE;
		case 'j':
			ctl.json = true;
			break;
		case 'V':
			puts("helvectl " HELVE_VERSION);
			return CTL_DONE;
		case ':':
			return ctl_usage(&ctl, "%s needs %s: see helvectl -h", argv[optind - 1],
					 optopt == 'd' ? "a directory" : "an argument");
		default:
			if (remote_option(&remote, opt))
				break;
			return ctl_usage(&ctl, "unknown option %s: see helvectl -h",
					 argv[optind - 1]);
		}
	}
	if (optind == argc)
		return ctl_usage(&ctl, "which verb? see helvectl -h");
	ctl.verb = find(argv[optind]);
	if (!ctl.verb)
		return ctl_usage(&ctl, "there is no verb '%s': see helvectl -h", argv[optind]);
	if (!remote_is_sound(&ctl, &remote))
		return CTL_USAGE;
	int code = ctl.verb->run(&ctl, argc - optind, argv + optind);
	ctl_close(&ctl);
	if (fflush(stdout) != 0 && code == CTL_DONE)
		code = ctl_fail(&ctl, "standard output: cannot be written");
	return code;
}
