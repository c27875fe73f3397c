/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/conf.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "proto/wire/name.h"

enum { WHY = 512, VALUES_MAX = 64, TEXT_MAX = 256 };

/* One load: where we are in the file, and what is wrong with it. */
struct load {
	const char *path;
	const struct hlv_option *rows;
	size_t n;
	char *out;
	char *why;
	yaml_mark_t mark;
	bool seen[128];
};

__attribute__((format(printf, 2, 3))) static enum hlv_err complain(struct load *l,
								   const char *format, ...)
{
	int n = snprintf(l->why, WHY, "%s:%zu:%zu: ", l->path, l->mark.line + 1,
			 l->mark.column + 1);
	va_list args;
	va_start(args, format);
	if (n > 0 && n < WHY)
		vsnprintf(l->why + n, (size_t)(WHY - n), format, args);
	va_end(args);
	return HLV_E_USAGE;
}

/* Edits between two short words, for "did you mean". */
static size_t distance(const char *a, const char *b)
{
	size_t row[TEXT_MAX + 1], n = strlen(b);
	if (n > TEXT_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
			row[j] = change < least ? change : least;
		}
	}
	return row[n];
}

static enum hlv_err unknown_key(struct load *l, const char *key)
{
	const char *best = NULL;
	size_t least = 4;
	for (size_t i = 0; i < l->n; i++) {
		size_t d = distance(key, l->rows[i].name);
		if (d < least) {
			least = d;
			best = l->rows[i].name;
		}
	}
	if (best)
		return complain(l, "unknown option '%s': did you mean '%s'?", key, best);
	return complain(l, "unknown option '%s': see the sample configuration", key);
}

static bool parse_number(const char *text, uint64_t *value, const char **rest)
{
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	*value = strtoull(text, &end, 10);
	*rest = end;
	return true;
}

static bool parse_size(const char *text, uint64_t *value)
{
	static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
	const char *rest;
	if (!parse_number(text, value, &rest))
		return false;
	while (*rest == ' ')
		rest++;
	for (unsigned i = 0; i < sizeof units / sizeof *units; i++) {
		if (strcmp(rest, units[i]) != 0)
			continue;
		uint64_t unit = UINT64_C(1) << 10 * i;
		if (*value > UINT64_MAX / unit)
			return false;
		*value *= unit;
		return true;
	}
	return false;
}

static enum hlv_err set_number(struct load *l, const struct hlv_option *row, const char *text)
{
	uint64_t value = 0;
	const char *rest = "";
	bool size = row->type == HLV_OPT_SIZE;
	bool ok = size ? parse_size(text, &value) : parse_number(text, &value, &rest) && !*rest;
	if (!ok)
		return complain(l, "%s: '%s' is no %s", row->name, text,
				size ? "size (a number, or one with KiB, MiB, GiB)" : "number");
	if (value < row->min || value > row->max)
		return complain(l, "%s: %s is not in %llu..%llu", row->name, text,
				(unsigned long long)row->min, (unsigned long long)row->max);
	if (size)
		memcpy(l->out + row->offset, &value, sizeof value);
	else
		memcpy(l->out + row->offset, &(uint32_t){(uint32_t)value}, sizeof(uint32_t));
	return HLV_OK;
}

static enum hlv_err set_bool(struct load *l, const struct hlv_option *row, const char *text)
{
	bool value = strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;
	if (!value && strcmp(text, "false") != 0 && strcmp(text, "no") != 0)
		return complain(l, "%s: '%s' is neither true nor false", row->name, text);
	memcpy(l->out + row->offset, &value, sizeof value);
	return HLV_OK;
}

static bool is_choice(const char *choices, const char *text)
{
	size_t n = strlen(text);
	for (const char *p = choices; *p;) {
		size_t word = strcspn(p, " ");
		if (word == n && strncmp(p, text, n) == 0)
			return true;
		p += word;
		p += strspn(p, " ");
	}
	return false;
}

static enum hlv_err set_string(struct load *l, const struct hlv_option *row, const char *text)
{
	if (row->type == HLV_OPT_CHOICE && !is_choice(row->choices, text))
		return complain(l, "%s: '%s' is none of: %s", row->name, text, row->choices);
	char *copy = strdup(text);
	if (!copy)
		return complain(l, "out of memory");
	char *old;
	memcpy(&old, l->out + row->offset, sizeof old);
	free(old);
	memcpy(l->out + row->offset, &copy, sizeof copy);
	return HLV_OK;
}

/* The address as two words; which octet order they have does not matter, only that it is one. */
static void words(const struct hlv_addr *a, uint64_t out[2])
{
	uint8_t octets[16] = {[10] = 0xFF, [11] = 0xFF};
	if (a->sa.any.sa_family == AF_INET6)
		memcpy(octets, &a->sa.v6.sin6_addr, 16);
	else
		memcpy(octets + 12, &a->sa.v4.sin_addr, 4);
	memcpy(out, octets, 16);
}

static void mask_words(unsigned bits, uint64_t out[2])
{
	uint8_t octets[16] = {0};
	for (unsigned i = 0; i < bits; i++)
		octets[i / 8] |= (uint8_t)(0x80 >> i % 8);
	memcpy(out, octets, 16);
}

static bool parse_net(const char *text, struct hlv_net *net)
{
	char host[HLV_ADDR_TEXT];
	size_t n = strcspn(text, "/");
	struct hlv_addr a;
	if (n >= sizeof host)
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	if (hlv_addr_parse(host, 0, &a) != HLV_OK)
		return false;
	bool v4 = a.sa.any.sa_family == AF_INET;
	uint64_t bits = v4 ? 32 : 128;
	const char *rest = "";
	if (text[n] == '/' && (!parse_number(text + n + 1, &bits, &rest) || *rest))
		return false;
	if (bits > (v4 ? 32U : 128U))
		return false;
	words(&a, net->address);
	mask_words((unsigned)(v4 ? bits + 96 : bits), net->mask);
	return true;
}

struct hlv_net hlv_net_of(const struct hlv_addr *a)
{
	struct hlv_net net;
	words(a, net.address);
	mask_words(128, net.mask);
	return net;
}

bool hlv_nets_have(const struct hlv_nets *nets, const struct hlv_addr *a)
{
	uint64_t address[2];
	words(a, address);
	for (size_t i = 0; i < nets->n; i++) {
		const struct hlv_net *net = &nets->list[i];
		if (((address[0] ^ net->address[0]) & net->mask[0]) == 0 &&
		    ((address[1] ^ net->address[1]) & net->mask[1]) == 0)
			return true;
	}
	return false;
}

/* A list of `n` octets, which begins with the pointer that it owns, in place of the former one. */
static void replace_list(struct load *l, const struct hlv_option *row, const void *list,
			 size_t n)
{
	void *old;
	memcpy(&old, l->out + row->offset, sizeof old);
	free(old);
	memcpy(l->out + row->offset, list, n);
}

static enum hlv_err set_addrs(struct load *l, const struct hlv_option *row,
			      char texts[][TEXT_MAX], size_t n)
{
	struct hlv_addrs addrs = {.list = calloc(n + 1, sizeof *addrs.list), .n = n};
	if (!addrs.list)
		return complain(l, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if (hlv_addr_parse(texts[i], (uint16_t)row->min, &addrs.list[i]) == HLV_OK)
			continue;
		free(addrs.list);
		return complain(l,
				"%s: '%s' is no address (examples: 127.0.0.1:2641, [::1]:2641)",
				row->name, texts[i]);
	}
	replace_list(l, row, &addrs, sizeof addrs);
	return HLV_OK;
}

static enum hlv_err set_nets(struct load *l, const struct hlv_option *row,
			     char texts[][TEXT_MAX], size_t n)
{
	struct hlv_nets nets = {.list = calloc(n + 1, sizeof *nets.list), .n = n};
	if (!nets.list)
		return complain(l, "out of memory");
	for (size_t i = 0; i < n; i++) {
		if (parse_net(texts[i], &nets.list[i]))
			continue;
		free(nets.list);
		return complain(l, "%s: '%s' is no network (examples: 10.0.0.0/8, fd00::/8)",
				row->name, texts[i]);
	}
	replace_list(l, row, &nets, sizeof nets);
	return HLV_OK;
}

static enum hlv_err set_refs(struct load *l, const struct hlv_option *row,
			     char texts[][TEXT_MAX], size_t n)
{
	struct hlv_refs refs = {.n = n};
	refs.list = malloc((n + 1) * (sizeof *refs.list + TEXT_MAX));
	if (!refs.list)
		return complain(l, "out of memory");
	char *text = (char *)(refs.list + n + 1);
	for (size_t i = 0; i < n; i++, text += TEXT_MAX) {
		memcpy(text, texts[i], TEXT_MAX);
		refs.list[i] = hlv_ref_parse(hlv_text(text));
		if (refs.list[i].handle.n > 0 && strchr(text, ':'))
			continue;
		free(refs.list);
		return complain(l, "%s: '%s' is no identity (example: 300:0.NA/88.118)",
				row->name, texts[i]);
	}
	replace_list(l, row, &refs, sizeof refs);
	return HLV_OK;
}

static enum hlv_err set_strings(struct load *l, const struct hlv_option *row,
				char texts[][TEXT_MAX], size_t n)
{
	struct hlv_strings strings = {.n = n};
	strings.list = malloc((n + 1) * (sizeof *strings.list + TEXT_MAX));
	if (!strings.list)
		return complain(l, "out of memory");
	char *text = (char *)(strings.list + n + 1);
	for (size_t i = 0; i < n; i++, text += TEXT_MAX) {
		memcpy(text, texts[i], TEXT_MAX);
		strings.list[i] = text;
	}
	replace_list(l, row, &strings, sizeof strings);
	return HLV_OK;
}

static enum hlv_err set(struct load *l, const struct hlv_option *row, char texts[][TEXT_MAX],
			size_t n)
{
	switch (row->type) {
	case HLV_OPT_STRING:
	case HLV_OPT_CHOICE:
		return set_string(l, row, texts[0]);
	case HLV_OPT_UINT:
	case HLV_OPT_SIZE:
		return set_number(l, row, texts[0]);
	case HLV_OPT_BOOL:
		return set_bool(l, row, texts[0]);
	case HLV_OPT_ADDRS:
		return set_addrs(l, row, texts, n);
	case HLV_OPT_NETS:
		return set_nets(l, row, texts, n);
	case HLV_OPT_REFS:
		return set_refs(l, row, texts, n);
	case HLV_OPT_STRINGS:
		return set_strings(l, row, texts, n);
	}
	return HLV_E_USAGE;
}

/* Defaults are written as in a file: "[ a, b ]" for lists. */
static enum hlv_err set_fallback(struct load *l, const struct hlv_option *row)
{
	char texts[VALUES_MAX][TEXT_MAX];
	size_t n = 0;
	const char *p = row->fallback;
	if (*p != '[') {
		snprintf(texts[n++], TEXT_MAX, "%s", p);
		return set(l, row, texts, n);
	}
	for (p += strspn(p, "[ \","); *p && *p != ']' && n < VALUES_MAX;
	     p += strspn(p, " \",")) {
		size_t word = strcspn(p, " \",]");
		if (*p == '[') { /* an IPv6 address: its own brackets */
			word = strcspn(p, "]") + 1;
			word += strcspn(p + word, " \",]");
		}
		snprintf(texts[n++], TEXT_MAX, "%.*s", (int)word, p);
		p += word;
	}
	return set(l, row, texts, n);
}

static bool is_list(const struct hlv_option *row)
{
	return row->type == HLV_OPT_ADDRS || row->type == HLV_OPT_NETS ||
	       row->type == HLV_OPT_REFS || row->type == HLV_OPT_STRINGS;
}

static const struct hlv_option *find_row(struct load *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(key, l->rows[i].name) == 0)
			return &l->rows[i];
	return NULL;
}

static enum hlv_err take_scalar(struct load *l, const yaml_node_t *node, char text[TEXT_MAX])
{
	l->mark = node->start_mark;
	if (node->type != YAML_SCALAR_NODE)
		return complain(l, "a plain value is expected here");
	if (memchr(node->data.scalar.value, '\0', node->data.scalar.length))
		return complain(l, "value holds a NUL octet");
	if (node->data.scalar.length >= TEXT_MAX)
		return complain(l, "value is longer than %d octets", TEXT_MAX - 1);
	memcpy(text, node->data.scalar.value, node->data.scalar.length);
	text[node->data.scalar.length] = '\0';
	return HLV_OK;
}

static enum hlv_err take_pair(struct load *l, yaml_document_t *doc,
			      const yaml_node_pair_t *pair)
{
	char key[TEXT_MAX], texts[VALUES_MAX][TEXT_MAX];
	HLV_TRY(take_scalar(l, yaml_document_get_node(doc, pair->key), key));
	const struct hlv_option *row = find_row(l, key);
	if (!row)
		return unknown_key(l, key);
	if (l->seen[row - l->rows])
		return complain(l, "%s is given twice", key);
	l->seen[row - l->rows] = true;

	const yaml_node_t *value = yaml_document_get_node(doc, pair->value);
	size_t n = 0;
	if (value->type != YAML_SEQUENCE_NODE) {
		HLV_TRY(take_scalar(l, value, texts[n++]));
		return set(l, row, texts, n);
	}
	l->mark = value->start_mark;
	if (!is_list(row))
		return complain(l, "%s: one value is expected, not a list", key);
	for (const yaml_node_item_t *i = value->data.sequence.items.start;
	     i < value->data.sequence.items.top; i++) {
		if (n == VALUES_MAX)
			return complain(l, "%s: more than %d values", key, VALUES_MAX);
		HLV_TRY(take_scalar(l, yaml_document_get_node(doc, *i), texts[n++]));
	}
	l->mark = value->start_mark;
	return set(l, row, texts, n);
}

static enum hlv_err take_document(struct load *l, yaml_parser_t *parser)
{
	yaml_document_t doc;
	if (!yaml_parser_load(parser, &doc)) {
		l->mark = parser->problem_mark;
		return complain(l, "%s", parser->problem ? parser->problem : "not YAML");
	}
	enum hlv_err err = HLV_OK;
	const yaml_node_t *top = yaml_document_get_root_node(&doc);
	if (top && top->type != YAML_MAPPING_NODE)
		err = complain(l, "'option: value' lines are expected");
	for (const yaml_node_pair_t *p = top && !err ? top->data.mapping.pairs.start : NULL;
	     p && !err && p < top->data.mapping.pairs.top; p++)
		err = take_pair(l, &doc, p);
	yaml_document_delete(&doc);
	return err;
}

static enum hlv_err read_file(struct load *l)
{
	FILE *f = fopen(l->path, "re");
	if (!f) {
		snprintf(l->why, WHY, "%s: %m", l->path);
		return HLV_E_IO;
	}
	yaml_parser_t parser;
	if (!yaml_parser_initialize(&parser)) {
		fclose(f);
		return complain(l, "out of memory");
	}
	yaml_parser_set_input_file(&parser, f);
	enum hlv_err err = take_document(l, &parser);
	yaml_parser_delete(&parser);
	fclose(f);
	return err;
}

enum hlv_err hlv_conf_load(const char *path, const struct hlv_option *rows, size_t n, void *out,
			   char *why)
{
	struct load l = {.path = path, .rows = rows, .n = n, .out = out, .why = why};
	hlv_require(n <= sizeof l.seen / sizeof *l.seen);
	enum hlv_err err = HLV_OK;
	for (size_t i = 0; i < n && !err; i++)
		if (rows[i].fallback)
			err = set_fallback(&l, &rows[i]);
	if (!err)
		err = read_file(&l);
	for (size_t i = 0; i < n && !err; i++) {
		if (rows[i].fallback || l.seen[i])
			continue;
		snprintf(why, WHY, "%s: %s is missing: %s", path, rows[i].name, rows[i].help);
		err = HLV_E_USAGE;
	}
	if (err)
		hlv_conf_free(rows, n, out);
	return err;
}

void hlv_conf_free(const struct hlv_option *rows, size_t n, void *out)
{
	for (size_t i = 0; i < n; i++) {
		enum hlv_option_type type = rows[i].type;
		if (type == HLV_OPT_UINT || type == HLV_OPT_SIZE || type == HLV_OPT_BOOL)
			continue;
		/* Strings and lists alike begin with the pointer that they own. */
		void *p;
		memcpy(&p, (char *)out + rows[i].offset, sizeof p);
		free(p);
		memset((char *)out + rows[i].offset, 0, sizeof p);
	}
}

void hlv_conf_sample(const struct hlv_option *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		printf("# %s\n", rows[i].help);
		if (rows[i].fallback)
			printf("#%s: %s\n\n", rows[i].name,
			       *rows[i].fallback ? rows[i].fallback : "\"\"");
		else
			printf("%s: /var/lib/helve\n\n", rows[i].name);
	}
}
