/* SPDX-License-Identifier: Apache-2.0
 *
 * key new|show|convert: keys in files. A passphrase comes from a file or the terminal, never
 * from the command line, where everybody on the machine can read it.
 */
#include <unistd.h>

#include "proto/net/file.h"
#include "proto/net/json.h"
#include "tools/helvectl/keys.h"

struct key_options {
	struct ctl *ctl;
	enum hlv_key_kind kind;
	const char *passphrase_file, *new_passphrase_file, *to;
	char **files;
	int nfiles;
};

static bool write_public(const struct ctl *ctl, const char *path, const struct hlv_key *key)
{
	struct hlv_buf octets = {0};
	char why[CTL_WHY] = "";
	enum hlv_err err = keys_encode_public(key, &octets);
	if (err == HLV_OK)
		err = hlv_file_write(path, 0644, hlv_buf_bytes(&octets), why);
	if (err != HLV_OK)
		ctl_fail(ctl, "%s: %s", path, *why ? why : hlv_strerror(err));
	hlv_buf_free(&octets);
	return err == HLV_OK;
}

static bool write_private(const struct key_options *o, const char *path,
			  const struct hlv_key *key, const char *passphrase_file)
{
	struct hlv_buf passphrase = {0};
	bool ok = !passphrase_file ||
		  keys_read_passphrase(o->ctl, passphrase_file, "New passphrase", &passphrase);
	ok = ok && keys_write_private(o->ctl, path, key, hlv_buf_bytes(&passphrase));
	keys_wipe(&passphrase);
	return ok;
}

static int key_new(const struct key_options *o)
{
	char public[PATH_MAX];
	struct hlv_key *key = NULL;
	if (o->nfiles != 1)
		return ctl_usage(o->ctl, "key new: into which file?");
	if (access(o->files[0], F_OK) == 0)
		return ctl_fail(o->ctl, "%s: is there already: a key is never overwritten",
				o->files[0]);
	snprintf(public, sizeof public, "%s.pub", o->files[0]);
	enum hlv_err err = hlv_key_generate(o->kind, &key);
	if (err != HLV_OK)
		return ctl_fail_err(o->ctl, o->files[0], err);
	bool ok = write_private(o, o->files[0], key, o->passphrase_file) &&
		  write_public(o->ctl, public, key);
	hlv_key_free(key);
	return ok ? CTL_DONE : CTL_FAILED;
}

static int key_show(const struct key_options *o)
{
	if (o->nfiles != 1)
		return ctl_usage(o->ctl, "key show: which file?");
	struct hlv_key *key = keys_read(o->ctl, o->files[0], o->passphrase_file);
	if (!key)
		return CTL_FAILED;
	struct hlv_buf octets = {0}, jwk = {0};
	enum hlv_err err = keys_encode_public(key, &octets);
	if (err == HLV_OK)
		err = hlv_json_put_key(&jwk, hlv_buf_bytes(&octets));
	const char *half = hlv_key_is_private(key) ? "private" : "public";
	if (err == HLV_OK && o->ctl->json)
		printf("{\"kind\":\"%s\",\"half\":\"%s\",\"publicKey\":%s}\n",
		       hlv_key_name(key), half, jwk.p);
	else if (err == HLV_OK)
		printf("%s %s key\n%s\n", hlv_key_name(key), half, jwk.p);
	else
		ctl_fail_err(o->ctl, o->files[0], err);
	hlv_buf_free(&octets);
	hlv_buf_free(&jwk);
	hlv_key_free(key);
	return err == HLV_OK ? CTL_DONE : CTL_FAILED;
}

static bool write_text(const struct key_options *o, const char *path, const struct hlv_key *key)
{
	struct hlv_buf text = {0}, octets = {0};
	char why[CTL_WHY] = "";
	bool pem = strcmp(o->to, "pem") == 0;
	bool private_half = pem && hlv_key_is_private(key);
	enum hlv_err err = HLV_OK;
	if (pem) {
		err = hlv_key_to_pem(key, private_half, &text);
	} else {
		err = keys_encode_public(key, &octets);
		if (err == HLV_OK)
			err = hlv_json_put_key(&text, hlv_buf_bytes(&octets));
		hlv_buf_str(&text, "\n");
	}
	if (err == HLV_OK)
		err = hlv_file_write(path, private_half ? 0600 : 0644, hlv_buf_bytes(&text),
				     why);
	if (err != HLV_OK)
		ctl_fail(o->ctl, "%s: %s", path, *why ? why : hlv_strerror(err));
	keys_wipe(&text);
	hlv_buf_free(&octets);
	return err == HLV_OK;
}

/* A JWK holds the public half; PEM and bin hold the half that is there. */
static int key_convert(const struct key_options *o)
{
	if (o->nfiles != 2 || !o->to)
		return ctl_usage(o->ctl, "key convert: which file, into which, --to what?");
	if (strcmp(o->to, "bin") != 0 && strcmp(o->to, "pem") != 0 && strcmp(o->to, "jwk") != 0)
		return ctl_usage(o->ctl, "--to '%s': expected bin, pem or jwk", o->to);
	if (access(o->files[1], F_OK) == 0)
		return ctl_fail(o->ctl, "%s: is there already: a key is never overwritten",
				o->files[1]);
	struct hlv_key *key = keys_read(o->ctl, o->files[0], o->passphrase_file);
	if (!key)
		return CTL_FAILED;
	bool ok;
	if (strcmp(o->to, "bin") != 0)
		ok = write_text(o, o->files[1], key);
	else if (hlv_key_is_private(key))
		ok = write_private(o, o->files[1], key, o->new_passphrase_file);
	else
		ok = write_public(o->ctl, o->files[1], key);
	hlv_key_free(key);
	return ok ? CTL_DONE : CTL_FAILED;
}

static bool parse_options(struct key_options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{"key", required_argument, NULL, 'k'},
		{"passphrase-file", required_argument, NULL, 'p'},
		{"new-passphrase-file", required_argument, NULL, 'n'},
		{"to", required_argument, NULL, 't'},
		{0}};
	int c;
	ctl_options_begin();
	while ((c = ctl_option(o->ctl, argc, argv, options)) != -1) {
		switch (c) {
		case 'k':
			if (hlv_key_kind_parse(optarg, &o->kind) == HLV_OK)
				break;
			ctl_usage(o->ctl, "key '%s': expected rsa, p256, ed25519 or sm2",
				  optarg);
			return false;
		case 'p':
			o->passphrase_file = optarg;
			break;
		case 'n':
			o->new_passphrase_file = optarg;
			break;
		case 't':
			o->to = optarg;
			break;
		default:
			return false;
		}
	}
	return true;
}

int cmd_key(struct ctl *ctl, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct key_options *);
	} actions[] = {{"new", key_new}, {"show", key_show}, {"convert", key_convert}};
	struct key_options o = {.ctl = ctl, .kind = HLV_KEY_RSA};
	if (!parse_options(&o, argc, argv))
		return CTL_USAGE;
	o.nfiles = argc - optind - 1;
	o.files = argv + optind + 1;
	for (size_t i = 0; optind < argc && i < sizeof actions / sizeof actions[0]; i++)
		if (strcmp(argv[optind], actions[i].name) == 0)
			return actions[i].run(&o);
	return ctl_usage(ctl, "expected key new, key show or key convert");
}
