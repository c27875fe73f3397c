/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS on the port of TCP, told by the first octet: a worker that echoes and says who asked, our own
 * client, and a peer of which this test plays each octet.
 */
#include "tests/unit/tls_world.h"

static void pins_the_key(void **state)
{
	(void)state;
	struct {
		const char *name;
		enum hlv_key_kind kind;
		enum hlv_err pinned; /* what a client says that knows the server's key */
	} rows[] = {
		{"P-256", HLV_KEY_P256, HLV_OK},
		{"Ed25519", HLV_KEY_ED25519, HLV_OK},
		{"RSA", HLV_KEY_RSA, HLV_OK},
		{"SM2 is no key for TLS", HLV_KEY_SM2, HLV_E_KEY},
	};
	struct hlv_key *other;
	check_err("key", hlv_key_generate(HLV_KEY_P256, &other), HLV_OK);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[256] = "";
		struct hlv_link *l = NULL;
		start(rows[i].kind, WITH_TLS, TRUSTED);
		struct hlv_link_to to = {
			.transport = HLV_T_TLS, .addr = world.addr, .server_key = world.key};
		check_err(rows[i].name, hlv_link_open(&to, &l, why), rows[i].pinned);
		if (l)
			ask(l, rows[i].name, "2 [] 0 0.NA/1");
		hlv_link_close(l);
		l = NULL;
		to.server_key = other;
		check_err(rows[i].name, hlv_link_open(&to, &l, why), HLV_E_KEY);
		assert_true(strlen(why) > 0);
		to.server_key = NULL;
		check_err(rows[i].name, hlv_link_open(&to, &l, why), HLV_E_USAGE);
		check_alive();
		stop();
	}
	hlv_key_free(other);
}

static void asks_once(void **state)
{
	(void)state;
	start(HLV_KEY_P256, WITH_TLS, TRUSTED);
	struct hlv_client c;
	struct hlv_client_report report;
	struct hlv_buf rs = {0};
	uint8_t q[256];
	size_t n = put_question(q, sizeof q, 9, hlv_text("x"));
	hlv_client_init(&c, &world.addr);
	c.transport = HLV_T_TLS;
	check_err("no key", hlv_client_ask(&c, hlv_bytes(q, n), &rs, &report), HLV_E_USAGE);
	c.server_key = world.key;
	check_err("key", hlv_client_ask(&c, hlv_bytes(q, n), &rs, &report), HLV_OK);
	assert_int_equal(check_answer(hlv_buf_bytes(&rs), "2 [] 0 x"), 9);
	assert_int_equal(report.transport, HLV_T_TLS);
	hlv_buf_free(&rs);
	stop();
}

static void needs_a_server_that_speaks_it(void **state)
{
	(void)state;
	char why[256] = "";
	struct hlv_link *l = NULL;
	start(HLV_KEY_P256, WITHOUT_TLS, TRUSTED);
	struct hlv_link_to to = {
		.transport = HLV_T_TLS, .addr = world.addr, .any_server = true};
	check_err("plain", hlv_link_open(&to, &l, why), HLV_E_CRYPTO);
	stop();
	check_err("nobody", hlv_link_open(&to, &l, why), HLV_E_IO);
	assert_null(l);
}

static void tells_who_asks(void **state)
{
	(void)state;
	struct {
		enum hlv_key_kind kind;
		const char *name, *answer;
	} rows[] = {
		{HLV_KEY_P256, "300:0.NA/20.500.1", "2 [300:0.NA/20.500.1] 91 0.NA/1"},
		{HLV_KEY_ED25519, "1:\xE5\x8D\x81", "2 [1:\xE5\x8D\x81] 44 0.NA/1"},
		{HLV_KEY_RSA, "2:x", "2 [2:x] 294 0.NA/1"},
	};
	start(HLV_KEY_P256, WITH_TLS, TRUSTED);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_key *own;
		check_err("key", hlv_key_generate(rows[i].kind, &own), HLV_OK);
		struct hlv_link_to to = {.transport = HLV_T_TLS,
					 .addr = world.addr,
					 .server_key = world.key,
					 .own_key = own,
					 .own_name = rows[i].name};
		struct hlv_link *l = open_link(rows[i].name, &to);
		ask(l, rows[i].name, rows[i].answer);
		ask(l, rows[i].name, rows[i].answer);
		hlv_link_close(l);
		hlv_key_free(own);
	}
	check_alive();
	stop();
}

/* Both directions full, messages over many records. */
static void sends_ahead(void **state)
{
	(void)state;
	enum { MANY = 3000, LONG = 2000 };
	start(HLV_KEY_P256, WITH_TLS, TRUSTED);
	struct hlv_link_to to = {
		.transport = HLV_T_TLS, .addr = world.addr, .any_server = true};
	struct hlv_link *l = open_link("ahead", &to);
	uint8_t *handle = malloc(LONG), q[LONG + 256];
	assert_non_null(handle);
	memset(handle, 'x', LONG);
	for (uint32_t i = 0; i < MANY; i++) {
		size_t n = put_question(q, sizeof q, i, hlv_bytes(handle, LONG));
		check_err("send", hlv_link_send(l, hlv_bytes(q, n), IN_TIME), HLV_OK);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		struct hlv_buf b = {0};
		check_err("receive", hlv_link_receive(l, &b, IN_TIME), HLV_OK);
		assert_int_equal(check_answer(hlv_buf_bytes(&b), NULL), i);
		hlv_buf_free(&b);
	}
	free(handle);
	hlv_link_close(l);
	stop();
}

/* A record longer than the room that is left for the message: the rest waits inside of TLS, where
 * no event tells of it. */
static void takes_records_in_parts(void **state)
{
	(void)state;
	enum { LONG = 2000 };
	start(HLV_KEY_P256, WITH_TLS, TRUSTED);
	struct hlv_link_to to = {
		.transport = HLV_T_TLS, .addr = world.addr, .any_server = true};
	uint8_t handle[LONG], q[LONG + 256];
	memset(handle, 'x', LONG);
	for (size_t cut = 1; cut < LONG; cut += 333) {
		struct hlv_link *l = open_link("parts", &to);
		struct hlv_buf b = {0};
		size_t n = put_question(q, sizeof q, 3, hlv_bytes(handle, LONG));
		check_err("begin", hlv_link_send(l, hlv_bytes(q, cut), IN_TIME), HLV_OK);
		check_err("rest", hlv_link_send(l, hlv_bytes(q + cut, n - cut), IN_TIME),
			  HLV_OK);
		check_err("receive", hlv_link_receive(l, &b, IN_TIME), HLV_OK);
		assert_int_equal(check_answer(hlv_buf_bytes(&b), NULL), 3);
		hlv_buf_free(&b);
		hlv_link_close(l);
	}
	stop();
}

/* A client of the library itself, which blocks. */
static SSL *connect_raw(SSL_CTX *ctx, int *fd)
{
	*fd = connect_plain();
	SSL *ssl = SSL_new(ctx);
	assert_non_null(ssl);
	SSL_set_fd(ssl, *fd);
	return ssl;
}

static void speaks_what_is_safe(void **state)
{
	(void)state;
	struct {
		const char *name;
		int version;
		const char *ciphers;
		bool ok;
	} rows[] = {
		{"1.3", TLS1_3_VERSION, NULL, true},
		{"1.2", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", true},
		{"1.2 ChaCha", TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", true},
		{"1.1", TLS1_1_VERSION, "ALL:@SECLEVEL=0", false},
		{"CBC", TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", false},
		{"key transport", TLS1_2_VERSION, "AES128-GCM-SHA256", false},
		{"nobody's key", TLS1_2_VERSION, "AECDH-AES128-SHA:@SECLEVEL=0", false},
	};
	start(HLV_KEY_P256, WITH_TLS, TRUSTED);
	for (size_t i = 0; i < COUNT(rows); i++) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
		assert_int_equal(SSL_CTX_set_min_proto_version(ctx, rows[i].version), 1);
		assert_int_equal(SSL_CTX_set_max_proto_version(ctx, rows[i].version), 1);
		if (rows[i].ciphers)
			assert_int_equal(SSL_CTX_set_cipher_list(ctx, rows[i].ciphers), 1);
		int fd;
		SSL *ssl = connect_raw(ctx, &fd);
		check_u64(rows[i].name, SSL_connect(ssl) == 1, rows[i].ok);
		if (rows[i].ok && rows[i].version == TLS1_2_VERSION) {
			/* Asking for another handshake brings none. */
			SSL_renegotiate(ssl);
			assert_int_not_equal(SSL_do_handshake(ssl), 1);
		}
		SSL_free(ssl);
		SSL_CTX_free(ctx);
		close(fd);
	}
	check_alive();
	stop();
}

/* A certificate in PEM for `key`. */
static struct hlv_bytes certificate(struct hlv_arena *a, const struct hlv_key *key)
{
	EVP_PKEY *pkey = hlv_key_pkey(key);
	X509 *x = X509_new();
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	assert_int_equal(X509_set_pubkey(x, pkey), 1);
	assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_X509(bio, x), 1);
	char *p;
	long n = BIO_get_mem_data(bio, &p);
	struct hlv_bytes pem = hlv_arena_copy(a, hlv_bytes(p, (size_t)n));
	BIO_free(bio);
	X509_free(x);
	return pem;
}

static void takes_a_certificate(void **state)
{
	(void)state;
	struct hlv_arena a;
	struct hlv_key *key, *other;
	hlv_arena_init(&a, 65536);
	check_err("key", hlv_key_generate(HLV_KEY_P256, &key), HLV_OK);
	check_err("key", hlv_key_generate(HLV_KEY_P256, &other), HLV_OK);
	struct hlv_bytes pem = certificate(&a, key);
	struct {
		const char *name;
		const struct hlv_key *key;
		struct hlv_bytes chain;
		enum hlv_err err;
	} rows[] = {
		{"its own", key, pem, HLV_OK},
		{"another's", other, pem, HLV_E_CRYPTO},
		{"no PEM", key, hlv_text("nothing"), HLV_E_MALFORMED},
		{"half", key, hlv_head(pem, pem.n / 2), HLV_E_MALFORMED},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[256] = "";
		struct hlv_tls *tls = NULL;
		check_err(rows[i].name,
			  hlv_tls_server_new(rows[i].key, rows[i].chain, &tls, why),
			  rows[i].err);
		check_u64(rows[i].name, strlen(why) > 0, rows[i].err != HLV_OK);
		hlv_tls_free(tls);
	}
	hlv_key_free(key);
	hlv_key_free(other);
	hlv_arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pins_the_key),
		cmocka_unit_test(asks_once),
		cmocka_unit_test(needs_a_server_that_speaks_it),
		cmocka_unit_test(tells_who_asks),
		cmocka_unit_test(sends_ahead),
		cmocka_unit_test(takes_records_in_parts),
		cmocka_unit_test(speaks_what_is_safe),
		cmocka_unit_test(takes_a_certificate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
