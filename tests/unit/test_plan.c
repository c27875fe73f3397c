/* SPDX-License-Identifier: Apache-2.0 */
#include "server/plan.h"

#include "tests/unit/admins.h"
#include "tests/unit/unit.h"

enum { OWE = 0x00400000, MNS = 0x00200000, PO = 0x01000000, DNR = 0x00100000 };
enum { READ = 1, CREATE = 100, DELETE, ADD, REMOVE, MODIFY, LIST, HOME = 300, UNHOME, HOMED };

/* Who asks. */
#define ROOT "1:0.NA/ROOT"
#define OWNER "300:0.NA/88.118"
#define KEEPER "320:88.118/U" /* all rights of 88.118/ITEM */
#define NOBODY NULL

/* A request to the world of admins_fill(), and what must come of it. */
struct row {
	const char *name;
	uint32_t op;
	const char *id;
	const char *values; /* of the request; READ, REMOVE: blank separated indexes */
	uint32_t flags;
	const char *who; /* NULL: not known */
	enum plan_verdict verdict;
	uint32_t rc;	    /* of refusals, and of answers */
	const char *result; /* "text" of a refusal must contain it; of a commit: the record
			       (values of now end in "!"); of an answer: its values */
};

#define REFUSED(rc, text) PLAN_REFUSED, rc, text
#define CHALLENGED PLAN_CHALLENGE, 0, NULL
#define COMMITS(record) PLAN_COMMIT, 1, record
#define ANSWERS(values) PLAN_ANSWER, 1, values

static const struct row rows[] = {
	/* create */
	{"create", CREATE, "88.118/New", "1 URL x", 0, OWNER, COMMITS("1:URL=x!")},
	{"create unsorted", CREATE, "88.118/New", "2 URL y | 1 URL x", 0, OWNER,
	 COMMITS("1:URL=x! 2:URL=y!")},
	{"create without values", CREATE, "88.118/New", "", 0, OWNER, COMMITS("(none)")},
	{"create by the right alone", CREATE, "88.118/New", "1 URL x", 0, "310:88.118/U",
	 COMMITS("1:URL=x!")},
	{"create by the server's administrator", CREATE, "88.118/New", "1 URL x", 0, ROOT,
	 COMMITS("1:URL=x!")},
	{"create over a tombstone", CREATE, "88.118/GONE", "1 URL x", 0, OWNER,
	 COMMITS("1:URL=x!")},
	{"create over a tombstone with OWE", CREATE, "88.118/GONE", "1 URL x", OWE, OWNER,
	 COMMITS("1:URL=x!")},
	{"create, who?", CREATE, "88.118/New", "1 URL x", 0, NOBODY, CHALLENGED},
	{"create by another right", CREATE, "88.118/New", "1 URL x", 0, "311:88.118/U",
	 REFUSED(400, "no such right: add handle")},
	{"create by a stranger", CREATE, "88.118/New", "1 URL x", 0, "1:88.118/X",
	 REFUSED(400, "add handle")},
	{"create elsewhere", CREATE, "1.2/New", "1 URL x", 0, NOBODY,
	 REFUSED(301, "doesn't live here")},
	{"create in a prefix that is referred", CREATE, "88.118.20/X", "1 URL x", 0, OWNER,
	 REFUSED(302, NULL)},
	{"the same, no referrals", CREATE, "88.118.20/X", "1 URL x", DNR, OWNER,
	 REFUSED(301, "doesn't live here")},
	{"create, bad UTF-8", CREATE, "88.118/\xff", "1 URL x", 0, NOBODY,
	 REFUSED(102, "UTF-8")},
	{"create, surrogate", CREATE, "88.118/\xed\xa0\x80", "1 URL x", 0, NOBODY,
	 REFUSED(102, "UTF-8")},
	{"create, control character", CREATE, "88.118/a\x01", "1 URL x", 0, NOBODY,
	 REFUSED(102, "control")},
	{"create, elsewhere and bad UTF-8", CREATE, "1.2/\xff", "1 URL x", 0, NOBODY,
	 REFUSED(301, NULL)},
	{"create, index 0", CREATE, "88.118/New", "0 URL x", 0, NOBODY,
	 REFUSED(202, "positive")},
	{"create, negative index", CREATE, "88.118/New", "2147483648 URL x", 0, NOBODY,
	 REFUSED(202, "positive")},
	{"create, index twice", CREATE, "88.118/New", "1 URL x | 1 URL y", 0, NOBODY,
	 REFUSED(201, "conflict")},
	{"create, index 0 before index twice", CREATE, "88.118/New",
	 "1 URL x | 1 URL y | 0 URL z", 0, NOBODY, REFUSED(202, NULL)},
	{"create what is there", CREATE, "88.118/item", "1 URL x", 0, NOBODY,
	 REFUSED(101, NULL)},
	{"create what was revoked", CREATE, "88.118/REVOKED", "1 URL x", OWE, ROOT,
	 REFUSED(101, "revoked")},
	{"create what was revoked and deleted", CREATE, "88.118/REVOKED2", "1 URL x", 0, ROOT,
	 REFUSED(101, "revoked")},
	{"create what is reserved", CREATE, "88.118/RESERVED", "1 URL x", 0, NOBODY,
	 REFUSED(101, NULL)},
	{"create a derived prefix", CREATE, "0.NA/88.118.7", "1 URL x", 0, "311:88.118/U",
	 COMMITS("1:URL=x!")},
	{"a derived prefix by the right to handles", CREATE, "0.NA/88.118.7", "1 URL x", 0,
	 "310:88.118/U", REFUSED(400, "add derived prefix")},
	{"create a bare prefix", CREATE, "88.118.7", "1 URL x", 0, OWNER, COMMITS("1:URL=x!")},
	{"create no name", CREATE, "", "1 URL x", 0, OWNER, REFUSED(102, "1 to 2048")},
	{"mint", CREATE, "88.118/", "1 URL x", MNS, OWNER, COMMITS("1:URL=x!")},
	{"mint, who?", CREATE, "88.118/", "1 URL x", MNS, NOBODY, CHALLENGED},
	/* create with OWE */
	{"overwrite by difference", CREATE, "88.118/WIKI", "5/0f WIKI new", OWE, "9:88.118/X",
	 COMMITS("5:WIKI=new!")},
	{"overwrite, unchanged values keep their time", CREATE, "88.118/WIKI",
	 "5/0f WIKI w | 7 URL x", OWE, OWNER, REFUSED(400, "add value")},
	{"overwrite, who?", CREATE, "88.118/ITEM", "1 URL x", OWE, NOBODY, CHALLENGED},
	{"overwrite all", CREATE, "88.118/ITEM", "1 URL x | 2 EMAIL b", OWE, KEEPER,
	 COMMITS("1:URL=x! 2:EMAIL=b")},
	{"overwrite by the right to add administrators", CREATE, "88.118/ITEM", "7 URL x", OWE,
	 "321:88.118/U", COMMITS("7:URL=x!")},
	{"overwrite by deleting and creating", CREATE, "88.118/ITEM", "7 URL x", OWE,
	 "310:88.118/U", COMMITS("7:URL=x!")},
	{"overwrite by deleting alone", CREATE, "88.118/ITEM", "7 URL x", OWE, "322:88.118/U",
	 REFUSED(400, "add value, remove admin")},
	{"overwrite with the same", CREATE, "88.118/WIKI", "5/0f WIKI w", OWE, "9:88.118/X",
	 ANSWERS(NULL)},
	{"overwrite what is not there", CREATE, "88.118/New", "1 URL x", OWE, OWNER,
	 COMMITS("1:URL=x!")},
	/* delete */
	{"delete", DELETE, "88.118/item", NULL, 0, KEEPER, COMMITS("(deleted)")},
	{"delete, who?", DELETE, "88.118/ITEM", NULL, 0, NOBODY, CHALLENGED},
	{"delete what is not there, who?", DELETE, "88.118/NONE", NULL, 0, NOBODY, CHALLENGED},
	{"delete what is not there", DELETE, "88.118/NONE", NULL, 0, "1:88.118/X",
	 REFUSED(100, NULL)},
	{"delete what was deleted", DELETE, "88.118/GONE", NULL, 0, ROOT, REFUSED(100, NULL)},
	{"delete what was revoked", DELETE, "88.118/REVOKED", NULL, 0, ROOT,
	 REFUSED(100, NULL)},
	{"delete by a stranger", DELETE, "88.118/ITEM", NULL, 0, "1:88.118/X",
	 REFUSED(400, "delete handle")},
	{"delete by the prefix's administrator", DELETE, "88.118/WIKI", NULL, 0, OWNER,
	 REFUSED(400, "delete handle")},
	{"delete elsewhere", DELETE, "1.2/X", NULL, 0, NOBODY, REFUSED(301, NULL)},
	{"delete a prefix elsewhere", DELETE, "0.NA/88.118.30.1", NULL, 0, NOBODY,
	 REFUSED(303, NULL)},
	/* add */
	{"add", ADD, "88.118/WIKI2", "9 URL x", 0, KEEPER,
	 COMMITS("5:WIKI=w 9:URL=x! 100:HS_ADMIN")},
	{"add, who?", ADD, "88.118/WIKI2", "9 URL x", 0, NOBODY, CHALLENGED},
	{"add nothing", ADD, "88.118/WIKI2", "", 0, NOBODY, REFUSED(202, "No values")},
	{"add at index 0", ADD, "88.118/WIKI2", "0 URL x", 0, NOBODY, REFUSED(202, "positive")},
	{"add an index twice", ADD, "88.118/WIKI2", "9 URL x | 9 URL y", 0, NOBODY,
	 REFUSED(201, "conflict")},
	{"add to what is not there, who?", ADD, "88.118/NONE", "9 URL x", 0, NOBODY,
	 CHALLENGED},
	{"add to what is not there", ADD, "88.118/NONE", "9 URL x", 0, "1:88.118/X",
	 REFUSED(100, NULL)},
	{"add elsewhere", ADD, "1.2/NONE", "", 0, NOBODY, REFUSED(301, NULL)},
	{"add by a stranger", ADD, "88.118/WIKI2", "5 URL x", 0, "1:88.118/X",
	 REFUSED(400, "add value")},
	{"add an administrator by the right to values", ADD, "88.118/ITEM",
	 "101 HS_ADMIN fff,1:88.118/X", 0, "323:88.118/U", REFUSED(400, "add admin")},
	{"add a value and an administrator", ADD, "88.118/ITEM",
	 "9 URL x | 101 HS_ADMIN fff,1:88.118/X", 0, "323:88.118/U",
	 REFUSED(400, "add value, add admin")},
	{"add at an index in use", ADD, "88.118/ITEM", "9 URL x | 2 URL x", 0, KEEPER,
	 REFUSED(201, "Index conflict for 2")},
	{"add over", ADD, "88.118/WIKI2", "5/0f WIKI x", OWE, "9:88.118/X",
	 COMMITS("5:WIKI=x! 100:HS_ADMIN")},
	{"add over the same", ADD, "88.118/WIKI2", "5/0f WIKI w", OWE, "9:88.118/X",
	 ANSWERS(NULL)},
	{"add over, by a stranger", ADD, "88.118/ITEM", "1 URL x", OWE, "1:88.118/X",
	 REFUSED(400, "modify value")},
	{"add over an administrator", ADD, "88.118/ITEM", "100 URL x", OWE, "323:88.118/U",
	 REFUSED(400, "modify value, remove admin")},
	/* remove */
	{"remove", REMOVE, "88.118/WIKI2", "5", 0, KEEPER, COMMITS("100:HS_ADMIN")},
	{"remove an index twice", REMOVE, "88.118/WIKI2", "5 5", 0, KEEPER,
	 COMMITS("100:HS_ADMIN")},
	{"remove what may not be written", REMOVE, "88.118/ITEM", "1 2 3 5 6", 0, KEEPER,
	 COMMITS("100:HS_ADMIN 101:HS_ADMIN 102:HS_ADMIN 103:HS_ADMIN 104:HS_ADMIN "
		 "105:HS_ADMIN")},
	{"remove, who?", REMOVE, "88.118/WIKI2", "5", 0, NOBODY, CHALLENGED},
	{"remove nothing", REMOVE, "88.118/WIKI2", "", 0, NOBODY, REFUSED(202, "No indexes")},
	{"remove by a stranger", REMOVE, "88.118/WIKI2", "5", 0, "1:88.118/X",
	 REFUSED(400, "remove value")},
	{"remove both kinds", REMOVE, "88.118/WIKI2", "5 100", 0, "1:88.118/X",
	 REFUSED(400, "remove value, remove admin")},
	{"remove what is not there, by a stranger", REMOVE, "88.118/WIKI2", "7", 0,
	 "1:88.118/X", REFUSED(400, "remove value")},
	{"remove what is not there", REMOVE, "88.118/WIKI2", "5 7", 0, KEEPER,
	 REFUSED(200, "no value 7: nothing")},
	{"remove what is behind the last", REMOVE, "88.118/WIKI2", "5 700", 0, KEEPER,
	 REFUSED(200, "no value 700")},
	{"remove index 0", REMOVE, "88.118/WIKI2", "0", 0, KEEPER, REFUSED(200, "no value 0")},
	{"remove from nothing", REMOVE, "88.118/NONE", "1", 0, "1:88.118/X",
	 REFUSED(100, NULL)},
	{"remove elsewhere", REMOVE, "1.2/NONE", "1", 0, NOBODY, REFUSED(301, NULL)},
	/* modify */
	{"modify", MODIFY, "88.118/WIKI2", "100 HS_ADMIN fff,320:88.118/U", 0, KEEPER,
	 COMMITS("5:WIKI=w 100:HS_ADMIN!")},
	{"modify, who?", MODIFY, "88.118/ITEM", "1 URL x", 0, NOBODY, CHALLENGED},
	{"modify what everybody may write", MODIFY, "88.118/WIKI2", "5/0f WIKI x", 0, NOBODY,
	 COMMITS("5:WIKI=x! 100:HS_ADMIN")},
	{"that and another", MODIFY, "88.118/ITEM", "5/0f WIKI x | 1 URL x", 0, NOBODY,
	 CHALLENGED},
	{"into an administrator", MODIFY, "88.118/WIKI2", "5 HS_ADMIN fff,1:88.118/X", 0,
	 NOBODY, CHALLENGED},
	{"into an administrator, by a stranger", MODIFY, "88.118/WIKI2",
	 "5 HS_ADMIN fff,1:88.118/X", 0, "1:88.118/X", REFUSED(400, "modify value, add admin")},
	{"modify nothing", MODIFY, "88.118/WIKI2", "", 0, NOBODY, REFUSED(202, "No values")},
	{"modify what is not there", MODIFY, "88.118/NONE", "1 URL x", 0, NOBODY,
	 REFUSED(100, NULL)},
	{"modify a value that is not there", MODIFY, "88.118/ITEM", "1 URL x | 7 URL x", 0,
	 NOBODY, REFUSED(200, "no value 7")},
	{"modify a value that is read only", MODIFY, "88.118/ITEM", "6 URL x | 7 URL x", 0,
	 NOBODY, REFUSED(401, "Value 6 is read only")},
	{"modify an index twice", MODIFY, "88.118/ITEM", "1 URL x | 1 URL y", 0, KEEPER,
	 REFUSED(202, "twice")},
	{"modify an index twice, by a stranger", MODIFY, "88.118/ITEM", "1 URL x | 1 URL y", 0,
	 "1:88.118/X", REFUSED(400, "modify value")},
	{"modify elsewhere", MODIFY, "1.2/X", "1 URL x", 0, NOBODY, REFUSED(301, NULL)},
	/* lists and prefixes */
	{"list", LIST, "0.na/88.118", NULL, 0, "312:88.118/U", PLAN_LIST, 0, "88.118/"},
	{"list of a bare prefix", LIST, "88.118", NULL, 0, OWNER, PLAN_LIST, 0, "88.118/"},
	{"list, who?", LIST, "88.118", NULL, 0, NOBODY, CHALLENGED},
	{"list by a stranger", LIST, "88.118", NULL, 0, "1:88.118/X",
	 REFUSED(400, "list handles")},
	{"list elsewhere", LIST, "1.2", NULL, 0, NOBODY, REFUSED(301, "doesn't live here")},
	{"list of no prefix", LIST, "88.118/ITEM", NULL, 0, NOBODY, REFUSED(102, "prefix")},
	{"home", HOME, "88.999", NULL, 0, ROOT, PLAN_COMMIT, 1, NULL},
	{"home by the administrator of homes", HOME, "0.NA/88.999", NULL, 0, "2:0.NA/ROOT",
	 PLAN_COMMIT, 1, NULL},
	{"home again", HOME, "88.118", NULL, 0, ROOT, ANSWERS(NULL)},
	{"home, who?", HOME, "88.999", NULL, 0, NOBODY, CHALLENGED},
	{"home by a prefix's administrator", HOME, "88.999", NULL, 0, OWNER,
	 REFUSED(400, "administrator of the server")},
	{"home what is no prefix", HOME, "88.118/ITEM", NULL, 0, NOBODY, REFUSED(102, "0.NA/")},
	{"home nothing", HOME, "0.NA/", NULL, 0, NOBODY, REFUSED(102, "0.NA/")},
	{"home bad UTF-8", HOME, "0.NA/\xff", NULL, 0, NOBODY, REFUSED(102, "0.NA/")},
	{"unhome", UNHOME, "88.118", NULL, 0, ROOT, PLAN_COMMIT, 1, NULL},
	{"unhome what is not", UNHOME, "88.999", NULL, 0, ROOT, ANSWERS(NULL)},
	{"list homed", HOMED, "/", NULL, 0, ROOT, PLAN_LIST, 0, "0.NA/"},
	{"list homed, who?", HOMED, "/", NULL, 0, NOBODY, CHALLENGED},
	{"list homed by a stranger", HOMED, "/", NULL, 0, OWNER, REFUSED(400, NULL)},
	/* reading */
	{"read what is public", READ, "88.118/WIKI", "", 0, NOBODY, ANSWERS("5:WIKI=w")},
	{"read, who?", READ, "88.118/ITEM", "", 0, NOBODY, CHALLENGED},
	{"read a public part", READ, "88.118/ITEM", "1", 0, NOBODY, ANSWERS("1:URL=a")},
	{"read", READ, "88.118/ITEM", "1 3", 0, KEEPER, ANSWERS("1:URL=a 3:PRIV=c")},
	{"read by a stranger", READ, "88.118/ITEM", "3", 0, "1:88.118/X",
	 REFUSED(400, "authorised read")},
	{"read by a stranger, public part asked for", READ, "88.118/ITEM", "1 3", PO,
	 "1:88.118/X", ANSWERS("1:URL=a")},
	{"asked for public ones only", READ, "88.118/ITEM", "3", PO, KEEPER,
	 REFUSED(200, NULL)},
	{"readable by nobody", READ, "88.118/LOCKED", "4", 0, KEEPER, REFUSED(401, "nobody")},
	{"readable by nobody, behind a private one", READ, "88.118/LOCKED", "3 4", 0, KEEPER,
	 ANSWERS("3:PRIV=c 4:NOREAD=n")},
	{"read what is not there", READ, "88.118/NONE", "", 0, NOBODY, REFUSED(100, NULL)},
	{"read elsewhere", READ, "1.2/NONE", "", 0, NOBODY, REFUSED(301, NULL)},
	/* states and locks (industrial.md 4) */
	{"read what is frozen", READ, "88.118/FROZEN", "", PO, NOBODY,
	 ANSWERS("1:STATE=frozen!")},
	{"another value of what is frozen", READ, "88.118/FROZEN", "2", PO, NOBODY,
	 REFUSED(200, "frozen")},
	{"read what is reserved", READ, "88.118/RESERVED", "", 0, NOBODY, REFUSED(100, NULL)},
	{"read what is registered", READ, "88.118/REGISTERED", "", 0, NOBODY,
	 REFUSED(100, NULL)},
	{"read what was revoked", READ, "88.118/REVOKED", "", 0, NOBODY, REFUSED(100, NULL)},
	{"add to what is frozen", ADD, "88.118/FROZEN", "9 URL x", 0, ROOT,
	 REFUSED(401, "frozen")},
	{"modify what is frozen", MODIFY, "88.118/FROZEN", "1/0f URL x", 0, NOBODY,
	 REFUSED(401, "frozen")},
	{"remove from what is frozen", REMOVE, "88.118/FROZEN", "1", 0, ROOT,
	 REFUSED(401, "frozen")},
	{"overwrite what is frozen", CREATE, "88.118/FROZEN", "1 URL x", OWE, ROOT,
	 REFUSED(401, "frozen")},
	{"delete what is frozen", DELETE, "88.118/FROZEN", NULL, 0, ROOT,
	 REFUSED(401, "frozen")},
	{"frozen, by a stranger", DELETE, "88.118/FROZEN", NULL, 0, "1:88.118/X",
	 REFUSED(400, NULL)},
	{"add to what is registered", ADD, "88.118/REGISTERED", "9 URL x", 0, ROOT,
	 COMMITS("1:URL=a 9:URL=x!")},
	{"delete what is locked", DELETE, "88.118/LOCKS", NULL, 0, ROOT,
	 REFUSED(401, "locked: server-delete")},
	{"update what is locked against deletion", ADD, "88.118/LOCKS", "9 URL x", 0, ROOT,
	 COMMITS("1:URL=a 9:URL=x!")},
	{"transfer what is locked", ADD, "88.118/LOCKS", "9 HS_ADMIN fff,1:88.118/X", 0, ROOT,
	 REFUSED(401, "locked: client-transfer")},
	{"update what is locked", ADD, "88.118/LOCKS2", "9 URL x", 0, ROOT,
	 REFUSED(401, "locked: client-update")},
	{"delete what is locked against updates", DELETE, "88.118/LOCKS2", NULL, 0, ROOT,
	 COMMITS("(deleted)")},
	/* lock-out (threats.md 3) */
	{"delete the prefix's record", DELETE, "0.NA/88.118", NULL, 0, OWNER,
	 REFUSED(401, "lock out the last administrator of 0.NA/88.118")},
	{"remove the last administrator", REMOVE, "0.NA/88.118", "100", 0, OWNER,
	 REFUSED(401, "lock out")},
	{"remove his key", REMOVE, "0.NA/88.118", "300", 0, OWNER, REFUSED(401, "lock out")},
	{"remove something else", REMOVE, "0.NA/88.118", "103", 0, OWNER,
	 COMMITS("100:HS_ADMIN 101:HS_ADMIN 102:HS_ADMIN 300:HS_SECKEY=k")},
	{"others", 2, "/", NULL, 0, ROOT, REFUSED(5, "Unknown operation")},
};

static struct hlv_request request_of(struct hlv_arena *a, const struct row *row)
{
	struct hlv_request rq = {
		.m.env = {.major = 2, .minor = 11, .suggest_major = 2, .suggest_minor = 11},
		.m.hdr = {.op = row->op, .flags = row->flags},
		.handle = hlv_text(row->id),
	};
	if (row->op == READ || row->op == REMOVE)
		rq.indexes = admins_indexes(a, row->values);
	else
		rq.values = admins_values(a, row->values);
	return rq;
}

static struct principal principal_of(const char *who)
{
	if (!who)
		return (struct principal){.how = ACTOR_PUBLIC};
	return (struct principal){ACTOR_CHALLENGE, hlv_ref_parse(hlv_text(who))};
}

static void check_text_has(const char *row, struct hlv_bytes text, const char *part)
{
	if (part && !memmem(text.p ? text.p : (const uint8_t *)"", text.n, part, strlen(part)))
		fail_msg("%s: \"%.*s\" says nothing of \"%s\"", row, (int)text.n,
			 text.n ? (const char *)text.p : "", part);
}

static void check_plan(struct admins *w, const struct row *row, struct plan *plan,
		       const struct hlv_response *rs)
{
	char text[512];
	switch (row->verdict) {
	case PLAN_REFUSED:
		check_u64(row->name, rs->rc, row->rc);
		check_text_has(row->name, rs->text, row->result);
		return;
	case PLAN_ANSWER:
		check_u64(row->name, rs->rc, row->rc);
		check_u64(row->name, rs->kind, hlv_body_kind(row->op, 1));
		if (!row->result)
			return;
		admins_describe(&rs->values, text, sizeof text);
		check_text(row->name, hlv_text(text), row->result);
		return;
	case PLAN_LIST:
		check_bytes(row->name, hlv_skip(store_key_bytes(&plan->list_from), 1),
			    hlv_text(row->result));
		return;
	case PLAN_COMMIT:
		check_u64(row->name, rs->rc, 1);
		check_u64(row->name, rs->kind, hlv_body_kind(row->op, 1));
		check_err(row->name, admins_commit(w, plan), HLV_OK);
		if (!row->result)
			return;
		const char *id = row->id;
		char minted[128];
		if (row->flags & MNS) {
			snprintf(minted, sizeof minted, "%.*s", (int)rs->handle.n,
				 (const char *)rs->handle.p);
			id = minted;
		}
		admins_record(w, id, text, sizeof text);
		check_text(row->name, hlv_text(text), row->result);
		return;
	case PLAN_CHALLENGE:
	case PLAN_FETCH:
		return;
	}
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct admins w;
		struct plan plan;
		struct hlv_response rs;
		admins_fill(&w);
		struct hlv_request rq = request_of(&w.arena, &rows[i]);
		struct principal who = principal_of(rows[i].who);
		admins_begin(&w);
		enum plan_verdict verdict = plan_request(&w.context, &who, &rq, &plan, &rs);
		if (verdict != rows[i].verdict)
			fail_msg("%s: verdict %d (%u %.*s), expected %d", rows[i].name, verdict,
				 rs.rc, (int)rs.text.n, (const char *)rs.text.p,
				 rows[i].verdict);
		check_plan(&w, &rows[i], &plan, &rs);
		admins_close(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
