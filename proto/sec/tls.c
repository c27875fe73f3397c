/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "proto/sec/inner.h"

enum {
	RSA_BITS_MIN = 2048,
	CERTIFICATES_MAX = 16 << 10, /* octets of all that a peer shows */
	NAME_MAX_OCTETS = 4096,
};

struct hlv_tls {
	SSL_CTX *ctx;
};

struct hlv_tls_io {
	SSL *ssl;
	int fd;
	int error;   /* errno of the socket's failure, or 0 */
	bool broken; /* nothing more may be asked of `ssl` */
	bool recv_wants_write;
	uint8_t *first; /* octets that were read before */
	size_t first_at, first_n;
	uint8_t *name, *key;
	size_t name_n, key_n;
};

/* --- certificates --- */

static bool is_for_tls(const struct hlv_key *key)
{
	switch (key->kind) {
	case HLV_KEY_P256:
	case HLV_KEY_ED25519:
		return true;
	case HLV_KEY_RSA:
		return EVP_PKEY_get_bits(key->pkey) >= RSA_BITS_MIN;
	case HLV_KEY_DSA:
	case HLV_KEY_DH:
	case HLV_KEY_SM2:
		break;
	}
	return false;
}

static bool set_name(X509 *x, const char *field, const char *text)
{
	X509_NAME *name = X509_get_subject_name(x);
	return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
					  (const unsigned char *)text, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(x, name) == 1;
}

static bool fill_certificate(X509 *x, EVP_PKEY *pkey, const char *field, const char *text)
{
	uint8_t serial[8];
	if (RAND_bytes(serial, sizeof serial) != 1)
		return false;
	serial[0] = (uint8_t)((serial[0] & 0x7F) | 0x40); /* positive, always eight octets */
	BIGNUM *n = BN_bin2bn(serial, sizeof serial, NULL);
	bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	/* It says which key this is, and nothing about for how long (RFC 5280 4.1.2.5). */
	return ok && X509_set_version(x, X509_VERSION_3) == 1 &&
	       ASN1_TIME_set_string(X509_getm_notBefore(x), "20000101000000Z") == 1 &&
	       ASN1_TIME_set_string(X509_getm_notAfter(x), "99991231235959Z") == 1 &&
	       set_name(x, field, text) && X509_set_pubkey(x, pkey) == 1;
}

/* A certificate that `pkey` signs for itself. */
static enum hlv_err use_own(SSL_CTX *ctx, EVP_PKEY *pkey, const char *field, const char *text)
{
	X509 *x = X509_new();
	const EVP_MD *md = EVP_PKEY_is_a(pkey, "ED25519") ? NULL : EVP_sha256();
	bool ok = x && fill_certificate(x, pkey, field, text) && X509_sign(x, pkey, md) > 0 &&
		  SSL_CTX_use_certificate(ctx, x) == 1 &&
		  SSL_CTX_use_PrivateKey(ctx, pkey) == 1;
	X509_free(x);
	return ok ? HLV_OK : HLV_E_CRYPTO;
}

static enum hlv_err use_chain(SSL_CTX *ctx, EVP_PKEY *pkey, struct hlv_bytes pem)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	enum hlv_err err = HLV_E_MALFORMED;
	if (x && SSL_CTX_use_certificate(ctx, x) == 1) {
		/* The key must be the certificate's: checked here. */
		err = SSL_CTX_use_PrivateKey(ctx, pkey) == 1 ? HLV_OK : HLV_E_CRYPTO;
	}
	X509_free(x);
	while (err == HLV_OK && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		if (SSL_CTX_add0_chain_cert(ctx, x) != 1) {
			X509_free(x);
			err = HLV_E_MALFORMED;
		}
	BIO_free(bio);
	return err;
}

/* --- contexts --- */

/* Possession of the key is proven by the handshake; whose key it is, others find out. */
static int accept_any(X509_STORE_CTX *store, void *arg)
{
	(void)store;
	(void)arg;
	return 1;
}

static SSL_CTX *make_context(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);
	if (!ctx)
		return NULL;
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
					 SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ctx, CERTIFICATES_MAX);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
	    SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK") == 1)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static enum hlv_err make_tls(SSL_CTX *ctx, enum hlv_err err, struct hlv_tls **out, char *why)
{
	const char *text = NULL;
	unsigned long code = ERR_peek_last_error();
	if (code)
		text = ERR_reason_error_string(code);
	struct hlv_tls *tls = err == HLV_OK ? malloc(sizeof *tls) : NULL;
	if (tls) {
		*tls = (struct hlv_tls){ctx};
		*out = tls;
		return HLV_OK;
	}
	SSL_CTX_free(ctx);
	err = err == HLV_OK ? HLV_E_NOMEM : err;
	snprintf(why, 256, "TLS: %s", text ? text : hlv_strerror(err));
	return hlv_forget(err);
}

/* P-256, known to nobody, for a server whose own key is none for TLS. */
static enum hlv_err use_substitute(SSL_CTX *ctx)
{
	struct hlv_key *key;
	HLV_TRY(hlv_key_generate(HLV_KEY_P256, &key));
	enum hlv_err err = use_own(ctx, key->pkey, "CN", "helve");
	hlv_key_free(key);
	return err;
}

static enum hlv_err use_server_key(SSL_CTX *ctx, const struct hlv_key *key,
				   struct hlv_bytes chain)
{
	if (!ctx)
		return HLV_E_NOMEM;
	if (!key->private_half)
		return HLV_E_UNSUPPORTED;
	if (chain.n > 0)
		return use_chain(ctx, key->pkey, chain);
	return is_for_tls(key) ? use_own(ctx, key->pkey, "CN", "helve") : use_substitute(ctx);
}

enum hlv_err hlv_tls_server_new(const struct hlv_key *key, struct hlv_bytes chain,
				struct hlv_tls **out, char *why)
{
	ERR_clear_error();
	SSL_CTX *ctx = make_context(TLS_server_method());
	return make_tls(ctx, use_server_key(ctx, key, chain), out, why);
}

enum hlv_err hlv_tls_client_new(const struct hlv_key *key, const char *name,
				struct hlv_tls **out, char *why)
{
	ERR_clear_error();
	SSL_CTX *ctx = make_context(TLS_client_method());
	enum hlv_err err = ctx ? HLV_OK : HLV_E_NOMEM;
	if (ctx && key)
		err = is_for_tls(key) && key->private_half
			      ? use_own(ctx, key->pkey, "UID", name)
			      : HLV_E_UNSUPPORTED;
	return make_tls(ctx, err, out, why);
}

void hlv_tls_free(struct hlv_tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->ctx);
	free(tls);
}

/* --- the socket below ---
 * The library's own writes with write(2), which raises a signal when the peer is gone. */

static int below_read(BIO *bio, char *p, int n)
{
	struct hlv_tls_io *io = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	if (io->first) {
		size_t left = io->first_n - io->first_at;
		size_t take = left < (size_t)n ? left : (size_t)n;
		memcpy(p, io->first + io->first_at, take);
		io->first_at += take;
		if (io->first_at == io->first_n) {
			free(io->first);
			io->first = NULL;
		}
		return (int)take;
	}
	ssize_t got = recv(io->fd, p, (size_t)n, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(bio);
	else if (got < 0)
		io->error = errno;
	return (int)got;
}

static int below_write(BIO *bio, const char *p, int n)
{
	struct hlv_tls_io *io = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	ssize_t sent = send(io->fd, p, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_write(bio);
	else if (sent < 0)
		io->error = errno;
	return (int)sent;
}

static long below_ctrl(BIO *bio, int command, long n, void *p)
{
	(void)bio;
	(void)n;
	(void)p;
	return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static int below_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static BIO_METHOD *below;
static pthread_once_t below_once = PTHREAD_ONCE_INIT;

static void make_below(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hlv_socket");
	if (m && BIO_meth_set_read(m, below_read) == 1 &&
	    BIO_meth_set_write(m, below_write) == 1 && BIO_meth_set_ctrl(m, below_ctrl) == 1 &&
	    BIO_meth_set_create(m, below_create) == 1)
		below = m;
}

/* --- connections --- */

static struct hlv_tls_io *make_io(const struct hlv_tls *tls, int fd, struct hlv_bytes first)
{
	pthread_once(&below_once, make_below);
	struct hlv_tls_io *io = calloc(1, sizeof *io);
	BIO *bio = io && below ? BIO_new(below) : NULL;
	if (!bio) {
		free(io);
		return NULL;
	}
	io->fd = fd;
	BIO_set_data(bio, io);
	io->ssl = SSL_new(tls->ctx);
	if (!io->ssl) {
		BIO_free(bio);
		free(io);
		return NULL;
	}
	SSL_set_bio(io->ssl, bio, bio);
	io->first = first.n ? malloc(first.n) : NULL;
	if (first.n && !io->first) {
		hlv_tls_io_free(io);
		return NULL;
	}
	if (first.n)
		memcpy(io->first, first.p, first.n);
	io->first_n = first.n;
	return io;
}

struct hlv_tls_io *hlv_tls_accept(const struct hlv_tls *tls, int fd, struct hlv_bytes first)
{
	struct hlv_tls_io *io = make_io(tls, fd, first);
	if (io)
		SSL_set_accept_state(io->ssl);
	return io;
}

struct hlv_tls_io *hlv_tls_connect(const struct hlv_tls *tls, int fd)
{
	struct hlv_tls_io *io = make_io(tls, fd, hlv_bytes(NULL, 0));
	if (io)
		SSL_set_connect_state(io->ssl);
	return io;
}

void hlv_tls_io_free(struct hlv_tls_io *io)
{
	if (!io)
		return;
	SSL_free(io->ssl);
	free(io->first);
	free(io->name);
	free(io->key);
	free(io);
}

static bool take_name(struct hlv_tls_io *io, const X509 *x)
{
	X509_NAME *subject = X509_get_subject_name(x);
	int at = X509_NAME_get_index_by_NID(subject, NID_userId, -1);
	if (at < 0)
		at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (at < 0)
		return true;
	unsigned char *text = NULL;
	int n = ASN1_STRING_to_UTF8(&text,
				    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	bool ok = n >= 0 && n <= NAME_MAX_OCTETS;
	if (ok && n > 0) {
		io->name = malloc((size_t)n);
		ok = io->name;
	}
	if (ok && n > 0) {
		memcpy(io->name, text, (size_t)n);
		io->name_n = (size_t)n;
	}
	OPENSSL_free(text);
	return ok;
}

/* What the peer's certificate says, for as long as the connection lives. */
static bool take_certificate(struct hlv_tls_io *io)
{
	X509 *x = SSL_get0_peer_certificate(io->ssl);
	if (!x)
		return true;
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	bool ok = n > 0;
	if (ok) {
		io->key = malloc((size_t)n);
		ok = io->key;
	}
	if (ok) {
		memcpy(io->key, der, (size_t)n);
		io->key_n = (size_t)n;
	}
	OPENSSL_free(der);
	return ok && take_name(io, x);
}

enum hlv_tls_state hlv_tls_handshake(struct hlv_tls_io *io)
{
	if (io->broken)
		return HLV_TLS_FAILED;
	ERR_clear_error();
	int n = SSL_do_handshake(io->ssl);
	if (n == 1 && take_certificate(io))
		return HLV_TLS_DONE;
	int why = n == 1 ? SSL_ERROR_SSL : SSL_get_error(io->ssl, n);
	if (why == SSL_ERROR_WANT_READ)
		return HLV_TLS_WANTS_READ;
	if (why == SSL_ERROR_WANT_WRITE)
		return HLV_TLS_WANTS_WRITE;
	io->broken = true;
	ERR_clear_error();
	return HLV_TLS_FAILED;
}

/* No octets went: because there are none now (EAGAIN), at the end (0), or for ever. */
static ssize_t judge(struct hlv_tls_io *io, int why)
{
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
		errno = EAGAIN;
		return -1;
	}
	if (why == SSL_ERROR_ZERO_RETURN)
		return 0;
	io->broken = true;
	ERR_clear_error();
	/* An end that the peer did not announce may be anybody's (RFC 8446 6.1). */
	errno = io->error ? io->error : ECONNRESET;
	return -1;
}

ssize_t hlv_tls_recv(struct hlv_tls_io *io, void *p, size_t n)
{
	io->recv_wants_write = false;
	if (io->broken) {
		errno = ECONNRESET;
		return -1;
	}
	ERR_clear_error();
	size_t got = 0;
	int ok = SSL_read_ex(io->ssl, p, n, &got);
	if (ok == 1)
		return (ssize_t)got;
	int why = SSL_get_error(io->ssl, ok);
	io->recv_wants_write = why == SSL_ERROR_WANT_WRITE;
	return judge(io, why);
}

ssize_t hlv_tls_send(struct hlv_tls_io *io, const void *p, size_t n)
{
	if (io->broken) {
		errno = ECONNRESET;
		return -1;
	}
	ERR_clear_error();
	size_t sent = 0;
	int ok = SSL_write_ex(io->ssl, p, n, &sent);
	if (ok == 1)
		return (ssize_t)sent;
	if (judge(io, SSL_get_error(io->ssl, ok)) == 0)
		errno = ECONNRESET;
	return -1;
}

bool hlv_tls_pending(const struct hlv_tls_io *io)
{
	return !io->broken && (io->first || SSL_pending(io->ssl) > 0);
}

bool hlv_tls_recv_wants_write(const struct hlv_tls_io *io)
{
	return io->recv_wants_write;
}

void hlv_tls_shutdown(struct hlv_tls_io *io)
{
	if (io->broken || !SSL_is_init_finished(io->ssl))
		return;
	ERR_clear_error();
	(void)SSL_shutdown(io->ssl);
	ERR_clear_error();
}

struct hlv_bytes hlv_tls_peer_name(const struct hlv_tls_io *io)
{
	return hlv_bytes(io->name, io->name_n);
}

struct hlv_bytes hlv_tls_peer_key(const struct hlv_tls_io *io)
{
	return hlv_bytes(io->key, io->key_n);
}

bool hlv_tls_peer_is(const struct hlv_tls_io *io, const struct hlv_key *key)
{
	X509 *x = SSL_get0_peer_certificate(io->ssl);
	return x && EVP_PKEY_eq(X509_get0_pubkey(x), key->pkey) == 1;
}
