/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/scheme.h"

#include "proto/wire/name.h"
#include "tests/unit/unit.h"

#define G "01/09506000134352"
#define P "88.118.8/"

static const char *const rules_of_all[] = {
	"gs1 88.118.8",
	"gs1:9506000 88.118.9",
	"gs1:95060001 88.118.10",
	"oid 88.118.8",
	"oid:1.2.156.3001 88.118.3001",
	"did 88.118.8",
	"did:web 88.118.7",
	"ecode 88.118.8",
	"ecode:1.0064 88.118.64",
	"  host   id.example.cn ",
};

static void read_rules(struct hlv_schemes *s)
{
	char why[HLV_SCHEME_WHY];
	*s = (struct hlv_schemes){0};
	for (size_t i = 0; i < COUNT(rules_of_all); i++)
		check_err(rules_of_all[i], hlv_schemes_add(s, hlv_text(rules_of_all[i]), why),
			  HLV_OK);
}

enum { H = HLV_SCHEME_HANDLE, O, GS, E, D };

static const struct {
	const char *text;
	int scheme; /* 0: an error, whose text is `key` */
	const char *key, *id;
} rows[] = {
	/* industrial.md 2.7 */
	{"88.118.8/JXDY2106023", H, "88.118.8/JXDY2106023", "88.118.8/JXDY2106023"},
	{" hdl:88.118.8/jxdy2106023 ", H, "88.118.8/JXDY2106023", "88.118.8/jxdy2106023"},
	{"88.118.8", H, "0.NA/88.118.8", "0.NA/88.118.8"},
	{"did:cn:88.118.8", H, "0.NA/88.118.8", "0.NA/88.118.8"},
	{"9506000134352", GS, G, "88.118.10/" G},
	{"https://id.gs1.org/01/9506000134352/21/a%2Fb", GS, G "/21/a%2Fb",
	 "88.118.10/" G "/21/a%2Fb"},
	{"(01)09506000134352(21)77(10)L1", GS, G "/10/L1/21/77", "88.118.10/" G "/10/L1/21/77"},
	{"09506000134353", 0, "(01): check digit is 2, not 3", NULL},
	{"urn:oid:1.2.156.03001", 0, "OID: leading zero in arc 4", NULL},
	{"1.2.156.3001", O, "1.2.156.3001", "88.118.3001/1.2.156.3001"},
	{"3.5.1", H, "0.NA/3.5.1", "0.NA/3.5.1"},
	{"did:bid:ef7zFABtWU5hAkaTAdQLkYUoFCBTXDgs#k1", D,
	 "did:bid:ef7zFABtWU5hAkaTAdQLkYUoFCBTXDgs",
	 P "did:bid:ef7zFABtWU5hAkaTAdQLkYUoFCBTXDgs"},

	/* handles in their wrappings */
	{"\t88.118.8/x\r\n", H, "88.118.8/X", "88.118.8/x"},
	{"\xE3\x80\x80"
	 "88.118.8/x\xC2\xA0",
	 H, "88.118.8/X", "88.118.8/x"},
	{"\xEF\xBB\xBFhdl: 88.118.8/x", H, "88.118.8/X", "88.118.8/x"},
	{"HDL:10.1000/1", H, "10.1000/1", "10.1000/1"},
	{"doi:10.1000/182", H, "10.1000/182", "10.1000/182"},
	{"urn:hdl:10.1000/182", H, "10.1000/182", "10.1000/182"},
	{"info:hdl/10.1000/a%20b", H, "10.1000/A B", "10.1000/a b"},
	{"info:doi/10.1000/182", H, "10.1000/182", "10.1000/182"},
	{"https://hdl.handle.net/10.1000/a%2fb", H, "10.1000/A/B", "10.1000/a/b"},
	{"http://HDL.handle.net:80/api/handles/10.1000/x", H, "10.1000/X", "10.1000/x"},
	{"https://doi.org/10.1000/x#part", H, "10.1000/X", "10.1000/x"},
	{"https://doi.org/10.1000/x?urlappend=1", H, "10.1000/X", "10.1000/x"},
	{"https://who@id.example.cn/88.118.8/x", H, "88.118.8/X", "88.118.8/x"},
	{"https://id.example.cn/p/88.118.8/x", H, "88.118.8/X", "88.118.8/x"},
	{"https://id.example.cn/?x=1&id=88.118.8%2Fx", H, "88.118.8/X", "88.118.8/x"},
	{"https://id.example.cn?handle=88.118.8/x", H, "88.118.8/X", "88.118.8/x"},
	{"https://id.example.cn/hdl:88.118.8/x", H, "88.118.8/X", "88.118.8/x"},
	{"https://id.example.cn/88.118.8/%2541", H, "88.118.8/%41", "88.118.8/%41"},
	{"/api/handles/88.118.8/a%20b", H, "88.118.8/A B", "88.118.8/a b"},
	{"88.118.8/a%20b", H, "88.118.8/A%20B", "88.118.8/a%20b"},
	{"88.118.8/\xE9\xBD\xBF\xE8\xBD\xAEx", H, "88.118.8/\xE9\xBD\xBF\xE8\xBD\xAEX",
	 "88.118.8/\xE9\xBD\xBF\xE8\xBD\xAEx"},
	{"88.118.8/\xEF\xBC\x8F", H, "88.118.8/\xEF\xBC\x8F", "88.118.8/\xEF\xBC\x8F"},
	{"0.na/88", H, "0.NA/88", "0.na/88"},
	{"cnri/x", H, "CNRI/X", "cnri/x"},
	{"88", H, "0.NA/88", "0.NA/88"},
	{"20.500.ab", H, "0.NA/20.500.AB", "0.NA/20.500.ab"},
	{"88.118.8/", H, "88.118.8/", "88.118.8/"},
	{"VAA88.118.8/0001", H, "88.118.8/0001", "88.118.8/0001"},
	{"vaa86.1.2/x", H, "86.1.2/X", "86.1.2/x"},
	{"VAA/x", H, "VAA/X", "VAA/x"},
	{"VAA10.1000/x", 0, "VAA: a prefix under 86 or 88 follows", NULL},
	{"https://elsewhere.example/88.118.8/x", 0, "a URL of a host that is not configured",
	 NULL},
	{"https://id.example.cn/88.118.8/%4", 0, "a percent sign without two hexadecimal",
	 NULL},
	{"https://id.example.cn/", 0, "an empty identifier", NULL},
	{"", 0, "an empty identifier", NULL},
	{"  \t ", 0, "an empty identifier", NULL},
	{"hdl:", 0, "nothing stands behind \"hdl:\"", NULL},
	{"/x", 0, "nothing stands in front of the slash", NULL},
	{"JXDY2106023", 0, "no identifier that is known here", NULL},
	{"88\xEF\xBC\x8E"
	 "118/x",
	 0, "fullwidth full stop (U+FF0E): type \".\"", NULL},
	{"88.118.8\xEF\xBC\x8Fx", 0, "fullwidth slash (U+FF0F): type \"/\"", NULL},
	{"88\xE3\x80\x82"
	 "118/x",
	 0, "ideographic full stop", NULL},
	{"\xEF\xBC\x98"
	 "8.118/x",
	 0, "fullwidth digits", NULL},
	{"hdl\xEF\xBC\x9A"
	 "88.118.8/x",
	 0, "fullwidth colon", NULL},
	{"88.118.8/\x01", 0, "control characters", NULL},
	{"88.118.8/\xFF", 0, "not UTF-8", NULL},

	/* OIDs */
	{"urn:oid:1.2.156.3001.7", O, "1.2.156.3001.7", "88.118.3001/1.2.156.3001.7"},
	{"URN:OID:1.2.156.30017", O, "1.2.156.30017", P "1.2.156.30017"},
	{"oid:0.0", O, "0.0", P "0.0"},
	{"2.25.329800735698586629295641978511506172918", O,
	 "2.25.329800735698586629295641978511506172918",
	 P "2.25.329800735698586629295641978511506172918"},
	{"2.999.1", O, "2.999.1", P "2.999.1"},
	{"1.40.1", 0, "OID: the second arc is at most 39 behind 0 and 1", NULL},
	{"0.400", 0, "OID: the second arc is at most 39", NULL},
	{"oid:3.1", 0, "OID: the first arc is 0, 1 or 2", NULL},
	{"oid:10.1", 0, "OID: the first arc is 0, 1 or 2", NULL},
	{"oid:1", 0, "OID: at least two arcs", NULL},
	{"1.2..3", 0, "OID: arc 3 is empty", NULL},
	{"1.2.", 0, "OID: arc 3 is empty", NULL},
	{"urn:oid:", 0, "nothing stands behind \"urn:oid:\"", NULL},
	{"urn:oid:1.2.x", 0, "OID: arc 3 is not a decimal number", NULL},
	{"/ISO/Member-Body/156/3001", 0, "an OID in words: the dotted form is needed", NULL},
	{"01.2.3", H, "0.NA/01.2.3", "0.NA/01.2.3"},

	/* GS1: bare, element strings, FNC1 */
	{"96385074", GS, "01/00000096385074", P "01/00000096385074"},
	{"614141123452", GS, "01/00614141123452", P "01/00614141123452"},
	{"gtin:9506000134352", GS, G, "88.118.10/" G},
	{"1950600013", H, "0.NA/1950600013", "0.NA/1950600013"},
	{"(01)9506000134352", GS, G, "88.118.10/" G},
	{"(01) 09506000134352 (21) 77", GS, G "/21/77", "88.118.10/" G "/21/77"},
	{"(01)09506000134352(17)261231(10)ABC(3103)000500", GS, G "/10/ABC",
	 "88.118.10/" G "/10/ABC"},
	{"(21)a(b)c(01)09506000134352", GS, G "/21/a(b)c", "88.118.10/" G "/21/a(b)c"},
	{"(01)09506000134352(21)50%/x", GS, G "/21/50%25%2Fx", "88.118.10/" G "/21/50%25%2Fx"},
	{"0109506000134352", GS, G, "88.118.10/" G},
	{"010950600013435210L1\x1D"
	 "2177",
	 GS, G "/10/L1/21/77", "88.118.10/" G "/10/L1/21/77"},
	{"]C1010950600013435217261231"
	 "10L1\x1D"
	 "2177",
	 GS, G "/10/L1/21/77", "88.118.10/" G "/10/L1/21/77"},
	{"]d2\x1D"
	 "01095060001343522177\x1D",
	 GS, G "/21/77", "88.118.10/" G "/21/77"},
	{"]Q3"
	 "00195060001000000019",
	 GS, "00/195060001000000019", "88.118.10/00/195060001000000019"},
	{"00195060001000000019", GS, "00/195060001000000019",
	 "88.118.10/00/195060001000000019"},
	{"(253)9506000134352ab/1", GS, "253/9506000134352ab%2F1",
	 "88.118.10/253/9506000134352ab%2F1"},
	{"(255)95060001343521", GS, "255/95060001343521", "88.118.10/255/95060001343521"},
	{"(401)9506000abc", GS, "401/9506000abc", "88.118.9/401/9506000abc"},
	{"(402)95060001111111119", GS, "402/95060001111111119",
	 "88.118.10/402/95060001111111119"},
	{"(414)9506000134352(254)12a", GS, "414/9506000134352/254/12a",
	 "88.118.10/414/9506000134352/254/12a"},
	{"(415)9506000134352(8020)inv1", GS, "415/9506000134352/8020/inv1",
	 "88.118.10/415/9506000134352/8020/inv1"},
	{"(417)9506000134352(7040)1ABC", GS, "417/9506000134352/7040/1ABC",
	 "88.118.10/417/9506000134352/7040/1ABC"},
	{"(8003)09506000134352ser", GS, "8003/09506000134352ser",
	 "88.118.10/8003/09506000134352ser"},
	{"(8004)9506000ASSET", GS, "8004/9506000ASSET", "88.118.9/8004/9506000ASSET"},
	{"(8006)095060001343520102(21)x", GS, "8006/095060001343520102/21/x",
	 "88.118.10/8006/095060001343520102/21/x"},
	{"(8010)9506000A-1(8011)12", GS, "8010/9506000A-1/8011/12",
	 "88.118.9/8010/9506000A-1/8011/12"},
	{"(8013)1987654Ad4X4bL5ttr2310c2K", GS, "8013/1987654Ad4X4bL5ttr2310c2K",
	 P "8013/1987654Ad4X4bL5ttr2310c2K"},
	{"(8018)950600013435200004", 0, "(8018): check digit is", NULL},
	{"(01)09506000134352(22)2A(10)L(21)s", GS, G "/22/2A/10/L/21/s",
	 "88.118.10/" G "/22/2A/10/L/21/s"},
	{"(01)09506000134352(235)tp", GS, G "/235/tp", "88.118.10/" G "/235/tp"},
	{"(01)09506000134352(235)tp(21)s", 0, "exclude each other", NULL},
	{"(01)09506000134352(10)a(10)b", 0, "(10) stands twice", NULL},
	{"(01)09506000134352(21)", 0, "(21) has no value", NULL},
	{"(01)09506000134352(21)123456789012345678901", 0, "(21): 1 to 20 characters, not 21",
	 NULL},
	{"(01)09506000134352(21)\xC3\xA9", 0, "(21): holds what the GS1 character set has not",
	 NULL},
	{"(01)0950600013435", 0, "(01): check digit is", NULL},
	{"(01)95060001", 0, "(01): check digit is", NULL},
	{"(01)950600", 0, "(01): 14 digits, not \"950600\" of 6 octets", NULL},
	{"(01)0950600013435x", 0, "(01): 14 digits", NULL},
	{"(415)9506000134352", 0, "(415) needs its reference number (8020)", NULL},
	{"(8003)19506000134359x", 0, "(8003): the first digit is 0", NULL},
	{"(8004)95A", 0, "(8004): begins with a GS1 company prefix", NULL},
	{"(8010)9506000a", 0, "(8010): holds what the GS1 character set has not", NULL},
	{"(8010)9506000A(8011)012", 0, "(8011): leading zero", NULL},
	{"(8013)1987654Ad4X4bL5ttr2310c2L", 0, "(8013): check characters are 2K", NULL},
	{"(417)9506000134352(7040)XABC", 0, "(7040): begins with a digit", NULL},
	{"(17)261231", 0, "no GS1 key", NULL},
	{"(1)2", 0, "an application identifier in brackets", NULL},
	{"(01)", 0, "(01) has no value", NULL},
	{"(", 0, "an application identifier in brackets", NULL},
	{"]C1", 0, "no GS1 key", NULL},
	{"]C101095060", 0, "(01) ends too early", NULL},
	{"]C1xx", 0, "no application identifier where one begins", NULL},
	{"95060001343529", 0, "(01): check digit is", NULL},

	/* Digital Links */
	{"01/09506000134352/10/ABC", GS, G "/10/ABC", "88.118.10/" G "/10/ABC"},
	{"/01/09506000134352/10/ABC/", GS, G "/10/ABC", "88.118.10/" G "/10/ABC"},
	{"https://shop.example/some/stem/01/09506000134352/10/A/21/b?17=261231", GS,
	 G "/10/A/21/b", "88.118.10/" G "/10/A/21/b"},
	{"https://id.example.cn/01/614141123452", GS, "01/00614141123452",
	 P "01/00614141123452"},
	{"https://id.example.cn/88.118.8/01/09506000134352", H, "88.118.8/" G, "88.118.8/" G},
	{"https://shop.example/01/09506000134352/foo", 0,
	 "a path segment that is no application", NULL},
	{"https://shop.example/01/09506000134352/foo/bar", 0,
	 "a path segment that is no application", NULL},
	{"https://shop.example/01/09506000134352/99/bar", 0, "\"99\" is no qualifier of (01)",
	 NULL},
	{"https://shop.example/01/09506000134352/10", 0, "(10) has no value", NULL},
	{"https://shop.example/01/09506000134352/10/%", 0, "a percent sign", NULL},
	{"https://shop.example/01/09506000134353", 0, "(01): check digit is 2, not 3", NULL},

	/* Ecode */
	{"ecode:1.0064.1234567890", E, "1.0064.1234567890", "88.118.64/1.0064.1234567890"},
	{"1.0064.1234567890", E, "1.0064.1234567890", "88.118.64/1.0064.1234567890"},
	{"100641234567890", E, "1.0064.1234567890", "88.118.64/1.0064.1234567890"},
	{"ecode:100651234567890", E, "1.0065.1234567890", P "1.0065.1234567890"},
	{"ecode:4.12345.\xE9\xBD\xBF.x", E, "4.12345.\xE9\xBD\xBF.x",
	 P "4.12345.\xE9\xBD\xBF.x"},
	{"ecode:1.0064.123456789012345678901", 0, "Ecode: version 1 has up to 20 digits", NULL},
	{"ecode:1.0064.12a", 0, "Ecode: version 1 has up to 20 digits", NULL},
	{"ecode:1.64.12", 0, "Ecode: a version (1 to 4)", NULL},
	{"ecode:0.12", 0, "Ecode: a version (1 to 4)", NULL},
	{"ecode:1.0064", 0, "Ecode: a version (1 to 4)", NULL},
	{"1.0065.1", 0, "OID: leading zero", NULL},

	/* DIDs */
	{"did:bid:by01:ef7zFABtWU5hAkaTAdQLkYUoFCBTXDgs", D,
	 "did:bid:by01:ef7zFABtWU5hAkaTAdQLkYUoFCBTXDgs",
	 P "did:bid:by01:ef7zFABtWU5hAkaTAdQLkYUoFCBTXDgs"},
	{"did:bid:by01", D, "did:bid:by01", P "did:bid:by01"},
	{"did:web:example.com%3A3000:u/path?x#y", D, "did:web:example.com%3A3000:u",
	 "88.118.7/did:web:example.com%3A3000:u"},
	{"https://id.example.cn/did:web:example.com", D, "did:web:example.com",
	 "88.118.7/did:web:example.com"},
	{"did:webs:x", D, "did:webs:x", P "did:webs:x"},
	{"did:bid:xf7zFABtWU5hAkaTAdQLkYUoFCBTXDgs", 0, "did:bid: begins with the kind", NULL},
	{"did:bid:ef7", 0, "did:bid: 22 to 42 characters behind \"ef\", not 1", NULL},
	{"DID:web:x", 0, "a DID begins with \"did:\" in lower case", NULL},
	{"did:Web:x", 0, "DID: the method", NULL},
	{"did:web", 0, "a DID is did:METHOD:IDENTIFIER", NULL},
	{"did:web:", 0, "a DID is did:METHOD:IDENTIFIER", NULL},
	{"did:web:a b", 0, "DID: octet 2 behind the method", NULL},
	{"did:cn:88.118", 0, "did:cn: a prefix of three labels", NULL},
	{"did:cn:88.118.8.1", 0, "did:cn: a prefix of three labels", NULL},
	{"did:cn:88.11.8", 0, "did:cn: a prefix of three labels", NULL},
	/* EPC URNs (GS1 EPC Tag Data Standard 6.3) */
	{"urn:epc:id:sgtin:9506000.013435.1", GS, "01/09506000134352/21/1",
	 "88.118.10/01/09506000134352/21/1"},
	{"URN:EPC:id:sgtin:0614141.712345.32a%2Fb", GS, "01/70614141123451/21/32a%2Fb",
	 P "01/70614141123451/21/32a%2Fb"},
	{"urn:epc:id:sgtin:0614141.112345.400.5", GS, "01/10614141123459/21/400.5",
	 P "01/10614141123459/21/400.5"},
	{"urn:epc:class:lgtin:4012345.012345.998877", GS, "01/04012345123456/10/998877",
	 P "01/04012345123456/10/998877"},
	{"urn:epc:idpat:sgtin:0614141.112345.*", GS, "01/10614141123459",
	 P "01/10614141123459"},
	{"urn:epc:id:upui:1234567.089456.51qIgY)%3C%26Jp3*j7'SDB", GS,
	 "01/01234567894560/235/51qIgY)<&Jp3*j7'SDB",
	 P "01/01234567894560/235/51qIgY)<&Jp3*j7'SDB"},
	{"urn:epc:id:itip:4012345.012345.01.02.987", GS, "8006/040123451234560102/21/987",
	 P "8006/040123451234560102/21/987"},
	{"urn:epc:id:sscc:0614141.1234567890", GS, "00/106141412345678908",
	 P "00/106141412345678908"},
	{"urn:epc:id:sgln:0614141.12345.400", GS, "414/0614141123452/254/400",
	 P "414/0614141123452/254/400"},
	{"urn:epc:id:sgln:0614141.12345.0", GS, "414/0614141123452", P "414/0614141123452"},
	{"urn:epc:id:pgln:1234567.89012", GS, "417/1234567890128", P "417/1234567890128"},
	{"urn:epc:id:grai:0614141.12345.400", GS, "8003/00614141123452400",
	 P "8003/00614141123452400"},
	{"urn:epc:id:giai:0614141.12345400", GS, "8004/061414112345400",
	 P "8004/061414112345400"},
	{"urn:epc:id:gsrn:0614141.1234567890", GS, "8018/061414112345678902",
	 P "8018/061414112345678902"},
	{"urn:epc:id:gsrnp:0614141.1234567890", GS, "8017/061414112345678902",
	 P "8017/061414112345678902"},
	{"urn:epc:id:gdti:0614141.12345.400", GS, "253/0614141123452400",
	 P "253/0614141123452400"},
	{"urn:epc:id:cpi:0614141.123ABC.123456789", GS, "8010/0614141123ABC/8011/123456789",
	 P "8010/0614141123ABC/8011/123456789"},
	{"urn:epc:id:sgcn:4012345.67890.04711", GS, "255/401234567890104711",
	 P "255/401234567890104711"},
	{"urn:epc:id:ginc:0614141.xyz3311cba", GS, "401/0614141xyz3311cba",
	 P "401/0614141xyz3311cba"},
	{"urn:epc:id:gsin:0614141.123456789", GS, "402/06141411234567890",
	 P "402/06141411234567890"},
	{"urn:epc:id:sgtin:9506000.13435.1", 0,
	 "urn:epc:id:sgtin: company prefix and reference have 13 digits", NULL},
	{"urn:epc:id:sgtin:9506000.01343x.1", 0, "have 13 digits together", NULL},
	{"urn:epc:id:sgtin:95060.01343512.1", 0, "a company prefix has 6 to 12 digits", NULL},
	{"urn:epc:id:sgtin:9506000.013435.", 0, "a field is missing at the end", NULL},
	{"urn:epc:id:sgtin:9506000.013435", 0, "a field is missing at the end", NULL},
	{"urn:epc:id:sgtin:9506000.013435.a%", 0, "a percent sign", NULL},
	{"urn:epc:id:itip:4012345.012345.1.02.987", 0, "two digits each", NULL},
	{"urn:epc:tag:sgtin-96:3.9506000.013435.1", 0, "an EPC URN of a kind that is not read",
	 NULL},
	{"urn:epc:", 0, "nothing stands behind", NULL},
};

static void check_row(size_t i, const struct hlv_schemes *s, struct hlv_arena *a)
{
	struct hlv_named named;
	char why[HLV_SCHEME_WHY];
	struct hlv_bytes text = hlv_arena_copy(a, hlv_text(rows[i].text));
	enum hlv_err err = hlv_scheme_read(s, text, a, &named, why);
	if (rows[i].scheme == 0) {
		check_err(rows[i].text, err, HLV_E_MALFORMED);
		if (!strstr(why, rows[i].key))
			fail_msg("%s: \"%s\", expected \"%s\"", rows[i].text, why, rows[i].key);
		return;
	}
	if (err != HLV_OK)
		fail_msg("%s: %s", rows[i].text, why);
	check_u64(rows[i].text, named.scheme, (uint64_t)rows[i].scheme);
	check_text(rows[i].text, named.key, rows[i].key);
	check_text(rows[i].text, named.id, rows[i].id);
	/* Reading what was written says the same; a handle's is folded then. */
	text = named.scheme == HLV_SCHEME_ECODE ? named.id : named.key;
	if (named.scheme == HLV_SCHEME_ECODE)
		return;
	err = hlv_scheme_read(s, text, a, &named, why);
	if (err != HLV_OK || !hlv_eq(named.key, text))
		fail_msg("%s: not its own canonical form: %s", rows[i].text, why);
}

static void test_table(void **state)
{
	(void)state;
	struct hlv_schemes s;
	struct hlv_arena a;
	read_rules(&s);
	hlv_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		check_row(i, &s, &a);
		hlv_arena_reset(&a);
	}
	hlv_arena_fini(&a);
}

/* Whatever is cut off: an answer or an error, and never a crash; memory may be short, too. */
static void test_cut(void **state)
{
	(void)state;
	struct hlv_schemes s;
	struct hlv_named named;
	char why[HLV_SCHEME_WHY];
	read_rules(&s);
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t from = 0; from <= strlen(rows[i].text); from++)
			for (size_t limit = 0; limit < 2; limit++) {
				struct hlv_arena a;
				hlv_arena_init(&a, limit ? 1 << 20 : 16);
				struct hlv_bytes whole = hlv_text(rows[i].text);
				struct hlv_bytes part[2] = {hlv_head(whole, from),
							    hlv_skip(whole, from)};
				for (size_t k = 0; k < 2; k++) {
					char *copy = malloc(part[k].n + 1);
					if (part[k].n)
						memcpy(copy, part[k].p, part[k].n);
					enum hlv_err err =
						hlv_scheme_read(&s, hlv_bytes(copy, part[k].n),
								&a, &named, why);
					if (err == HLV_E_MALFORMED && !*why)
						fail_msg("%s: no word of why", rows[i].text);
					free(copy);
				}
				hlv_arena_fini(&a);
			}
}

static void test_rules(void **state)
{
	(void)state;
	static const struct {
		const char *row, *why;
	} bad[] = {
		{"", "a row begins with"},	    {"gs2 88", "a row begins with"},
		{"gs1", "a row is \"gs1 PREFIX\""}, {"gs1: 88", "a row is"},
		{"gs1 88 99", "a row is"},	    {"host", "a row is \"host NAME\""},
		{"host:x y", "a row is"},	    {"oid 88/1", "without a slash"},
		{"gs1 1", "two rows for the same"},
	};
	struct hlv_schemes s = {0};
	char why[HLV_SCHEME_WHY];
	check_err("first", hlv_schemes_add(&s, hlv_text("gs1 88"), why), HLV_OK);
	for (size_t i = 0; i < COUNT(bad); i++) {
		check_err(bad[i].row, hlv_schemes_add(&s, hlv_text(bad[i].row), why),
			  HLV_E_MALFORMED);
		if (!strstr(why, bad[i].why))
			fail_msg("%s: %s", bad[i].row, why);
		check_u64(bad[i].row, s.n, 1);
	}
	char row[32];
	for (size_t i = 1; i < HLV_SCHEME_RULES_MAX; i++) {
		snprintf(row, sizeof row, "gs1:%zu 88", i);
		check_err(row, hlv_schemes_add(&s, hlv_text(row), why), HLV_OK);
	}
	check_err("one more", hlv_schemes_add(&s, hlv_text("oid 88"), why), HLV_E_MALFORMED);
}

static void test_without_rules(void **state)
{
	(void)state;
	struct hlv_named named;
	struct hlv_arena a;
	char why[HLV_SCHEME_WHY];
	hlv_arena_init(&a, 1 << 16);
	check_err("GTIN", hlv_scheme_read(NULL, hlv_text("9506000134352"), &a, &named, why),
		  HLV_E_NOT_FOUND);
	check_text("GTIN", named.key, G);
	if (!strstr(why, "GS1 identifiers: no row of the option schemes"))
		fail_msg("%s", why);
	check_err("handle", hlv_scheme_read(NULL, hlv_text("88.1/x"), &a, &named, why), HLV_OK);
	hlv_arena_fini(&a);
}

/* What the native protocol's questions become. */
static void test_look_up(void **state)
{
	(void)state;
	static const struct {
		const char *text, *id; /* NULL: refused; "": as it is */
	} asked[] = {
		{"88.118.8/x", ""},
		{"88.118.8/x ", ""},
		{"88.118.8", ""},
		{"0.NA/88", ""},
		{"abc", ""},
		{"abc/def", ""},
		{"3.5.1", ""},
		{"88", ""},
		{"", ""},
		{"weird:prefix/x", ""},
		{"9506000134352", "88.118.10/" G},
		{"9506000134353", NULL},
		{"1950600013", ""},
		{"01/09506000134352", "88.118.10/" G},
		{"01/09506000134353", NULL},
		{"(01)09506000134352(21)77", "88.118.10/" G "/21/77"},
		{"1.2.156.7", P "1.2.156.7"},
		{"1.2.156.07", NULL},
		{"hdl:88.118.8/x", "88.118.8/x"},
		{" 88.118.8/x", "88.118.8/x"},
		{"https://doi.org/10.1000/1", "10.1000/1"},
		{"https://elsewhere.example/x", NULL},
		{"did:cn:88.118.8", "0.NA/88.118.8"},
		{"did:web:x", "88.118.7/did:web:x"},
		{"VAA88.118.8/1", "88.118.8/1"},
		{"88.118.8\xEF\xBC\x8Fx", NULL},
		{"\xE9\xBD\xBF/x", ""},
	};
	struct hlv_schemes s;
	struct hlv_arena a;
	char why[HLV_SCHEME_WHY];
	read_rules(&s);
	hlv_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct hlv_bytes id, text = hlv_text(asked[i].text);
		enum hlv_err err = hlv_scheme_look_up(&s, text, &a, &id, why);
		check_err(asked[i].text, err, asked[i].id ? HLV_OK : HLV_E_MALFORMED);
		if (asked[i].id)
			check_text(asked[i].text, id, asked[i].id);
		/* The cheap test never hides what would be something else. */
		if (!asked[i].id || *asked[i].id)
			check_u64(asked[i].text, hlv_scheme_is_plain(text), false);
	}
	assert_true(hlv_scheme_is_plain(hlv_text("88.118.8/x")));
	assert_true(hlv_scheme_is_plain(hlv_text("0.NA/88")));
	hlv_arena_fini(&a);
}

static void test_up(void **state)
{
	(void)state;
	static const struct {
		const char *key, *up;
	} ups[] = {
		{G "/22/a/10/b/21/c", G "/22/a/10/b"},
		{G "/10/b", G},
		{G, ""},
		{"", ""},
		{"x", ""},

		{"88.118.8/" G "/10/b", "88.118.8/" G},
	};
	for (size_t i = 0; i < COUNT(ups); i++)
		check_text(ups[i].key, hlv_gs1_up(hlv_text(ups[i].key)), ups[i].up);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	      cmocka_unit_test(test_cut),
		cmocka_unit_test(test_rules),	      cmocka_unit_test(test_look_up),
		cmocka_unit_test(test_without_rules), cmocka_unit_test(test_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
