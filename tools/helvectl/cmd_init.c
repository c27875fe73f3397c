/* SPDX-License-Identifier: Apache-2.0
 *
 * init: a new node. Everything is made in a fixed order and nothing that is there is
 * overwritten; the registry comes last, so a directory with a registry is a whole node.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/net/addr.h"
#include "proto/net/file.h"
#include "proto/net/json.h"
#include "proto/sec/key.h"
#include "proto/wire/admin.h"
#include "proto/wire/codes.h"
#include "proto/wire/site.h"
#include "tools/helvectl/init.h"
#include "tools/helvectl/keys.h"
#include "tools/helvectl/node.h"
#include "tools/helvectl/statement.h"

enum { HTTP_PORT = 8000 };

struct init {
	struct ctl *ctl;
	const char *prefix, *address, *parent;
	bool resolver; /* not a node at all: for helver */
	const char *root;
	enum hlv_key_kind kind;
	struct hlv_addr listen[INIT_LISTEN_MAX], http[INIT_LISTEN_MAX];
	size_t nlisten, nhttp;
	char handle[NODE_NAME_MAX]; /* 0.NA/P */
	char dir[PATH_MAX];	    /* absolute */
	struct hlv_buf server_key, admin_key, site;
};

/* --- the site record --- */

static void put_interfaces(const struct init *in, struct hlv_writer *w)
{
	uint32_t port = hlv_addr_port(&in->listen[0]);
	struct hlv_site_interface list[3] = {
		{HLV_IF_ADMIN | HLV_IF_QUERY, HLV_IF_TCP, port},
		{HLV_IF_QUERY, HLV_IF_UDP, port},
		{HLV_IF_ADMIN | HLV_IF_QUERY, HLV_IF_HTTP,
		 in->nhttp ? hlv_addr_port(&in->http[0]) : 0},
	};
	uint32_t n = in->nhttp ? 3 : 2;
	hlv_put_u32(w, n);
	for (uint32_t i = 0; i < n; i++)
		hlv_site_put_interface(w, &list[i]);
}

static bool make_site(struct init *in)
{
	uint8_t octets[NODE_SITE_MAX];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	struct hlv_addr public = in->listen[0];
	uint8_t address[16];
	if (in->address && hlv_addr_parse(in->address, HLV_PORT, &public) != HLV_OK) {
		ctl_usage(in->ctl, "address '%s': expected an IPv4 or IPv6 address",
			  in->address);
		return false;
	}
	hlv_addr_to_site(&public, address);
	hlv_put_u16(&w, 1);
	hlv_put_u8(&w, 2);
	hlv_put_u8(&w, 11);
	hlv_put_u16(&w, 1);
	hlv_put_u8(&w, HLV_SITE_PRIMARY);
	hlv_put_u8(&w, HLV_HASH_ALL);
	hlv_put_lp32(&w, (struct hlv_bytes){0});
	/* SM2 keys cannot be shown by TLS here. */
	bool tls = in->kind != HLV_KEY_SM2;
	hlv_put_u32(&w, tls ? 2 : 1);
	hlv_site_put_attribute(
		&w, &(struct hlv_site_attribute){hlv_text("desc"), hlv_text(in->prefix)});
	if (tls)
		hlv_site_put_attribute(
			&w, &(struct hlv_site_attribute){hlv_text("helve"), hlv_text("tls")});
	hlv_put_u32(&w, 1);
	hlv_put_u32(&w, 1);
	hlv_put(&w, hlv_bytes(address, sizeof address));
	hlv_put_lp32(&w, hlv_buf_bytes(&in->server_key));
	put_interfaces(in, &w);
	hlv_buf_put(&in->site, hlv_written(&w));
	struct hlv_buf json = {0};
	bool ok = hlv_json_put_site(&json, hlv_buf_bytes(&in->site)) == HLV_OK;
	hlv_buf_str(&json, "\n");
	ok = ok && init_write_file(in->ctl, "site.json", 0644, hlv_buf_bytes(&json)) &&
	     init_write_file(in->ctl, "site.bin", 0644, hlv_buf_bytes(&in->site));
	hlv_buf_free(&json);
	return ok;
}

/* --- the configuration --- */

static bool write_config(const struct init *in)
{
	struct hlv_buf b = {0};
	hlv_buf_printf(&b,
		       "# Node for the prefix %s, made by helvectl init.\n"
		       "# helved -s prints every option with its default.\n"
		       "data-dir: ",
		       in->prefix);
	init_put_path(&b, in->dir, "data");
	hlv_buf_str(&b, "listen: ");
	init_put_addresses(&b, in->listen, in->nlisten);
	hlv_buf_str(&b, "http: ");
	init_put_addresses(&b, in->http, in->nhttp);
	hlv_buf_printf(&b, "server-admins: [ \"300:0.NA/%s\" ]\n", in->prefix);
	bool ok = init_write_file(in->ctl, "helved.yaml", 0644, hlv_buf_bytes(&b));
	hlv_buf_free(&b);
	return ok;
}

/* --- the registry --- */

/* What a node says about a prefix of its own: where it is served and who administers it. */
static void begin_prefix_record(struct init *in, uint64_t now_ms, struct node_values *v)
{
	uint8_t admin[NODE_NAME_MAX + 16], vlist[NODE_NAME_MAX + 16];
	struct hlv_writer aw = hlv_writer(admin, sizeof admin);
	struct hlv_writer vw = hlv_writer(vlist, sizeof vlist);
	struct hlv_bytes owner = hlv_text(in->handle);
	uint32_t now_s = (uint32_t)(now_ms / 1000);
	hlv_admin_encode(&aw, &(struct hlv_admin){.perms = HLV_ADMIN_ALL, .who = {owner, 200}});
	hlv_put_u32(&vw, 1);
	hlv_ref_encode(&vw, &(struct hlv_ref){owner, 300});
	node_values_begin(v);
	node_values_add(v, 1, "HS_SITE", HLV_PERM_DEFAULT, hlv_buf_bytes(&in->site), now_s);
	node_values_add(v, 100, "HS_ADMIN", HLV_PERM_DEFAULT, hlv_written(&aw), now_s);
	node_values_add(v, 200, "HS_VLIST", HLV_PERM_DEFAULT, hlv_written(&vw), now_s);
	node_values_add(v, 300, "HS_PUBKEY", HLV_PERM_DEFAULT, hlv_buf_bytes(&in->admin_key),
			now_s);
}

static enum hlv_err put_prefix_record(struct init *in, struct registry *r, const char *handle,
				      uint64_t now_ms)
{
	struct node_values v;
	begin_prefix_record(in, now_ms, &v);
	enum hlv_err err = registry_put(r, hlv_text(handle), node_values_list(&v), now_ms);
	hlv_buf_free(&v.buf);
	return err;
}

/* 0.0/0.0, the subject of trust anchors: the key that signs records and certificates at 300, the
 * server's, which signs messages, at 301, and the former's certificate for itself (protocol.md 13).
 * Resolvers follow a change of keys by this record. */
static enum hlv_err put_root_keys(struct init *in, struct registry *r, uint64_t now_ms)
{
	char path[PATH_MAX];
	struct node_values v;
	struct hlv_buf jws = {0};
	struct hlv_key *key =
		keys_read(in->ctl, ctl_path(in->ctl, "keys/admpriv.bin", path), NULL);
	enum hlv_err err = key ? statement_self(key, "300:0.0/0.0", now_ms, &jws) : HLV_E_KEY;
	hlv_key_free(key);
	begin_prefix_record(in, now_ms, &v);
	node_values_add(&v, 301, "HS_PUBKEY", HLV_PERM_DEFAULT, hlv_buf_bytes(&in->server_key),
			(uint32_t)(now_ms / 1000));
	node_values_add(&v, STATEMENT_INDEX, "HS_CERT", HLV_PERM_DEFAULT, hlv_buf_bytes(&jws),
			(uint32_t)(now_ms / 1000));
	if (err == HLV_OK)
		err = registry_put(r, hlv_text("0.0/0.0"), node_values_list(&v), now_ms);
	hlv_buf_free(&v.buf);
	hlv_buf_free(&jws);
	return err;
}

/* decisions.md 17: a root node holds 0.NA/0.NA and 0.0/0.0; a node without parent is its own.
 */
static enum hlv_err fill(struct init *in, struct registry *r)
{
	uint64_t now_ms = ctl_now_ms();
	bool root = hlv_eq_fold(hlv_text(in->handle), hlv_text("0.NA/0.NA"));
	HLV_TRY(put_prefix_record(in, r, in->handle, now_ms));
	HLV_TRY(registry_home(r, hlv_text(in->handle), now_ms));
	if (!in->parent && !root) {
		HLV_TRY(put_prefix_record(in, r, "0.NA/0.NA", now_ms));
		HLV_TRY(registry_home(r, hlv_text("0.NA/0.NA"), now_ms));
	}
	if (root) {
		HLV_TRY(put_root_keys(in, r, now_ms));
		HLV_TRY(registry_home(r, hlv_text("0.NA/0.0"), now_ms));
	}
	return registry_flush(r);
}

static bool make_registry(struct init *in)
{
	char path[PATH_MAX], why[STORE_WHY] = "";
	struct store_lmdb_options o = {.create = true};
	enum hlv_err err =
		store_lmdb_open(ctl_path(in->ctl, "data", path), &o, &in->ctl->store, why);
	if (err != HLV_OK) {
		ctl_fail(in->ctl, "%s", *why ? why : hlv_strerror(err));
		return false;
	}
	err = in->ctl->store->ops->view_open(in->ctl->store, &in->ctl->view);
	struct registry *r = err == HLV_OK ? registry_new(in->ctl->store, in->ctl->view) : NULL;
	err = r ? fill(in, r) : HLV_E_NOMEM;
	registry_free(r);
	if (err != HLV_OK)
		ctl_fail_err(in->ctl, path, err);
	return err == HLV_OK;
}

/* --- the verb --- */

static bool make_node(struct init *in)
{
	char path[PATH_MAX];
	if (access(ctl_path(in->ctl, "data/data.mdb", path), F_OK) == 0) {
		ctl_fail(in->ctl,
			 "%s: there is a node already: choose another directory with -d",
			 in->ctl->dir);
		return false;
	}
	if (!init_make_dir(in->ctl, "", 0755) || !init_make_dir(in->ctl, "keys", 0700) ||
	    !init_make_dir(in->ctl, "data", 0750))
		return false;
	if (!realpath(in->ctl->dir, in->dir)) {
		ctl_fail(in->ctl, "%s: %s", in->ctl->dir, strerror(errno));
		return false;
	}
	return (!in->parent || init_save_site(in->ctl, in->parent, "parent.json")) &&
	       init_make_keys(in->ctl, in->kind, "keys/privkey.bin", "keys/pubkey.bin",
			      &in->server_key) &&
	       init_make_keys(in->ctl, in->kind, "keys/admpriv.bin", "keys/admpub.bin",
			      &in->admin_key) &&
	       make_site(in) && write_config(in) && make_registry(in);
}

static bool add_address(const struct init *in, const char *text, uint16_t port,
			struct hlv_addr *list, size_t *n)
{
	if (*n < INIT_LISTEN_MAX && hlv_addr_parse(text, port, &list[*n]) == HLV_OK) {
		++*n;
		return true;
	}
	ctl_usage(in->ctl, "'%s': expected ADDRESS:PORT, as 127.0.0.1:2641 or [::1]:2641",
		  text);
	return false;
}

static bool is_resolver_sound(const struct init *in)
{
	if (in->root && !in->prefix && !in->parent && !in->address)
		return true;
	ctl_usage(in->ctl, in->root ? "a resolver has no prefix, parent or address"
				    : "--root is needed: where does the resolver begin?");
	return false;
}

static bool parse_options(struct init *in, int argc, char **argv)
{
	static const struct option options[] = {{"prefix", required_argument, NULL, 'p'},
						{"listen", required_argument, NULL, 'l'},
						{"http", required_argument, NULL, 'w'},
						{"address", required_argument, NULL, 'a'},
						{"parent", required_argument, NULL, 'o'},
						{"key", required_argument, NULL, 'k'},
						{"resolver", no_argument, NULL, 'r'},
						{"root", required_argument, NULL, 't'},
						{0}};
	int c;
	ctl_options_begin();
	while ((c = ctl_option(in->ctl, argc, argv, options)) != -1) {
		switch (c) {
		case 'p':
			in->prefix = optarg;
			break;
		case 'l':
			if (!add_address(in, optarg, HLV_PORT, in->listen, &in->nlisten))
				return false;
			break;
		case 'w':
			if (!add_address(in, optarg, HTTP_PORT, in->http, &in->nhttp))
				return false;
			break;
		case 'a':
			in->address = optarg;
			break;
		case 'o':
			in->parent = optarg;
			break;
		case 'r':
			in->resolver = true;
			break;
		case 't':
			in->root = optarg;
			break;
		case 'k':
			if (hlv_key_kind_parse(optarg, &in->kind) == HLV_OK)
				break;
			ctl_usage(in->ctl, "key '%s': expected rsa, p256, ed25519 or sm2",
				  optarg);
			return false;
		default:
			return false;
		}
	}
	if (in->resolver && optind == argc)
		return is_resolver_sound(in);
	if (in->prefix && optind == argc)
		return node_prefix_handle(in->ctl, in->prefix, in->handle);
	ctl_usage(in->ctl,
		  in->prefix ? "what is '%s'?"
			     : "--prefix is needed: which prefix is "
			       "this node for?",
		  argv[optind]);
	return false;
}

static bool is_any(const struct hlv_addr *a)
{
	static const uint8_t zeros[16];
	uint8_t address[16];
	hlv_addr_to_site(a, address);
	return memcmp(address, zeros, sizeof zeros) == 0;
}

static int print_result(const struct init *in)
{
	struct hlv_buf b = {0};
	if (in->ctl->json) {
		hlv_buf_str(&b, "{\"dir\":");
		hlv_json_put_str(&b, hlv_text(in->dir));
		hlv_buf_str(&b, ",\"prefix\":");
		hlv_json_put_str(&b, hlv_text(in->prefix));
		hlv_buf_str(&b, ",\"site\":");
		if (hlv_json_put_site(&b, hlv_buf_bytes(&in->site)) != HLV_OK)
			hlv_buf_str(&b, "null");
		hlv_buf_str(&b, "}");
	} else {
		hlv_buf_printf(&b, "node for %s in %s; start it: helved -c %s/helved.yaml",
			       in->prefix, in->dir, in->dir);
	}
	puts(b.p ? b.p : "");
	hlv_buf_free(&b);
	return CTL_DONE;
}

int cmd_init(struct ctl *ctl, int argc, char **argv)
{
	struct init in = {.ctl = ctl, .kind = HLV_KEY_RSA};
	if (!parse_options(&in, argc, argv))
		return CTL_USAGE;
	if (in.resolver)
		return init_resolver(ctl,
				     &(struct init_resolver){in.root, in.kind, in.listen,
							     in.nlisten, in.http, in.nhttp});
	/* The address that others use is one to listen on, unless told otherwise (behind a NAT). */
	if (in.nlisten == 0 && in.address &&
	    !add_address(&in, in.address, HLV_PORT, in.listen, &in.nlisten))
		return CTL_USAGE;
	if (in.nlisten == 0 &&
	    (!add_address(&in, "127.0.0.1:2641", HLV_PORT, in.listen, &in.nlisten) ||
	     !add_address(&in, "[::1]:2641", HLV_PORT, in.listen, &in.nlisten)))
		return CTL_FAILED;
	if (!in.address && is_any(&in.listen[0]))
		return ctl_usage(ctl,
				 "--listen on every address: name the one that others use with "
				 "--address");
	bool ok = make_node(&in);
	int code = ok ? print_result(&in) : CTL_FAILED;
	hlv_buf_free(&in.server_key);
	hlv_buf_free(&in.admin_key);
	hlv_buf_free(&in.site);
	return code;
}
