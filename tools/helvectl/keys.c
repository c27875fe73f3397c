/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/keys.h"

#include <errno.h>
#include <termios.h>
#include <unistd.h>

#include "proto/net/file.h"
#include "proto/net/json.h"
#include "tools/helvectl/kinds.h"

void keys_wipe(struct hlv_buf *buf)
{
	if (buf->p)
		explicit_bzero(buf->p, buf->cap);
	hlv_buf_free(buf);
}

enum hlv_err keys_encode_public(const struct hlv_key *key, struct hlv_buf *out)
{
	uint8_t octets[KEYS_MAX];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	HLV_TRY(hlv_pubkey_encode(&w, key));
	hlv_buf_put(out, hlv_written(&w));
	return HLV_OK;
}

static enum hlv_err seal(const struct hlv_key *key, struct hlv_bytes passphrase,
			 struct hlv_writer *file)
{
	uint8_t plain[KEYS_MAX];
	struct hlv_writer w = hlv_writer(plain, sizeof plain);
	enum hlv_err err = hlv_privkey_encode(&w, key);
	if (err == HLV_OK)
		err = hlv_keyfile_seal(passphrase.n ? HLV_KEYFILE_AES : HLV_KEYFILE_PLAIN,
				       hlv_written(&w), passphrase, NULL, file);
	explicit_bzero(plain, sizeof plain);
	return err;
}

bool keys_write_private(const struct ctl *ctl, const char *path, const struct hlv_key *key,
			struct hlv_bytes passphrase)
{
	uint8_t octets[KEYS_MAX + 256];
	char why[CTL_WHY] = "";
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	enum hlv_err err = seal(key, passphrase, &w);
	if (err == HLV_OK)
		err = hlv_file_write(path, 0600, hlv_written(&w), why);
	explicit_bzero(octets, sizeof octets);
	if (err != HLV_OK)
		ctl_fail(ctl, "%s: %s", path, *why ? why : hlv_strerror(err));
	return err == HLV_OK;
}

static bool read_terminal(const struct ctl *ctl, const char *prompt, struct hlv_buf *out)
{
	struct termios old, quiet;
	FILE *tty = fopen("/dev/tty", "r+e");
	if (!tty || tcgetattr(fileno(tty), &old) != 0) {
		if (tty)
			fclose(tty);
		ctl_fail(ctl, "no terminal to ask for a passphrase: give --passphrase-file");
		return false;
	}
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(tty, "%s: ", prompt);
	fflush(tty);
	tcsetattr(fileno(tty), TCSAFLUSH, &quiet);
	for (int c = getc(tty); c != EOF && c != '\n'; c = getc(tty)) {
		char octet = (char)c;
		hlv_buf_put(out, hlv_bytes(&octet, 1));
	}
	tcsetattr(fileno(tty), TCSAFLUSH, &old);
	fputs("\n", tty);
	fclose(tty);
	return true;
}

/* "fd:3": a descriptor that whoever started us has opened. */
static bool read_descriptor(const struct ctl *ctl, const char *name, struct hlv_buf *out)
{
	int64_t fd;
	char part[512];
	ssize_t n = -1;
	if (kinds_parse_number(hlv_text(name + 3), 0, INT16_MAX, &fd))
		while ((n = read((int)fd, part, sizeof part)) > 0 && out->n < KEYS_MAX)
			hlv_buf_put(out, hlv_bytes(part, (size_t)n));
	explicit_bzero(part, sizeof part);
	if (n < 0)
		ctl_fail(ctl, "%s: no passphrase can be read from there", name);
	return n >= 0;
}

bool keys_read_passphrase(const struct ctl *ctl, const char *file, const char *prompt,
			  struct hlv_buf *out)
{
	char why[CTL_WHY] = "";
	if (strcmp(file, "-") == 0) {
		if (!read_terminal(ctl, prompt, out))
			return false;
	} else if (strncmp(file, "fd:", 3) == 0) {
		if (!read_descriptor(ctl, file, out))
			return false;
	} else if (hlv_file_read_secret(file, KEYS_MAX, out, why) != HLV_OK) {
		ctl_fail(ctl, "%s", why);
		return false;
	}
	const char *end = out->n ? memchr(out->p, '\n', out->n) : NULL;
	if (end)
		out->n = (size_t)(end - out->p);
	while (out->n > 0 && out->p[out->n - 1] == '\r')
		out->n--;
	if (out->n == 0)
		ctl_fail(ctl, "%s: an empty passphrase protects nothing", file);
	return out->n > 0;
}

static bool is_pem(struct hlv_bytes text)
{
	return hlv_starts_with(text, hlv_text("-----BEGIN"));
}

static bool is_json(struct hlv_bytes text)
{
	while (text.n > 0 && text.p[0] <= ' ' && text.p[0] != 0)
		text = hlv_skip(text, 1);
	return text.n > 0 && text.p[0] == '{';
}

static enum hlv_err decode_jwk(struct hlv_bytes text, struct hlv_key **key, char *why)
{
	uint8_t octets[KEYS_MAX];
	struct hlv_json_error error = {0};
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	if (hlv_json_parse_key(text, &w, &error) != HLV_OK) {
		snprintf(why, CTL_WHY, "%s", error.text);
		return HLV_E_KEY;
	}
	return hlv_pubkey_decode(hlv_written(&w), key);
}

/* The reference's frame begins with one of its five numbers; public keys have a length there.
 */
static bool is_keyfile(struct hlv_bytes file)
{
	struct hlv_reader r = hlv_reader(file);
	return file.n > 8 && hlv_get_u32(&r) <= HLV_KEYFILE_AES;
}

static enum hlv_err decode_keyfile(const struct ctl *ctl, struct hlv_bytes file,
				   const char *passphrase_file, struct hlv_key **key, char *why)
{
	struct hlv_buf passphrase = {0};
	uint8_t plain[KEYS_MAX];
	struct hlv_writer w = hlv_writer(plain, sizeof plain);
	if (hlv_keyfile_needs_passphrase(file)) {
		if (!passphrase_file) {
			snprintf(why, CTL_WHY,
				 "sealed with a passphrase: give --passphrase-file F, "
				 "or - to be asked");
			return HLV_E_PASSPHRASE;
		}
		if (!keys_read_passphrase(ctl, passphrase_file, "Passphrase", &passphrase)) {
			snprintf(why, CTL_WHY, "cannot be opened without its passphrase");
			return HLV_E_PASSPHRASE;
		}
	}
	enum hlv_err err = hlv_keyfile_open(file, hlv_buf_bytes(&passphrase), &w);
	if (err == HLV_OK)
		err = hlv_privkey_decode(hlv_written(&w), key);
	explicit_bzero(plain, sizeof plain);
	keys_wipe(&passphrase);
	return err;
}

static enum hlv_err decode(const struct ctl *ctl, struct hlv_bytes file,
			   const char *passphrase_file, struct hlv_key **key, char *why)
{
	if (is_json(file))
		return decode_jwk(file, key, why);
	if (!is_pem(file) && is_keyfile(file))
		return decode_keyfile(ctl, file, passphrase_file, key, why);
	if (hlv_pubkey_decode(file, key) == HLV_OK)
		return HLV_OK;
	return hlv_privkey_decode(file, key);
}

struct hlv_key *keys_read(const struct ctl *ctl, const char *path, const char *passphrase_file)
{
	struct hlv_buf file = {0};
	struct hlv_key *key = NULL;
	char why[CTL_WHY] = "";
	enum hlv_err err = hlv_file_read(path, KEYS_MAX, &file, why);
	if (err != HLV_OK) {
		ctl_fail(ctl, "%s", why);
	} else {
		err = decode(ctl, hlv_buf_bytes(&file), passphrase_file, &key, why);
		if (err != HLV_OK)
			ctl_fail(ctl, "%s: %s", path,
				 *why			   ? why
				 : err == HLV_E_PASSPHRASE ? "wrong passphrase"
							   : "no key that we know");
	}
	keys_wipe(&file);
	return err == HLV_OK ? key : NULL;
}
