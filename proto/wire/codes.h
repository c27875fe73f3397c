/* SPDX-License-Identifier: Apache-2.0
 *
 * The numbers of the protocol and their names: the only list (protocol.md 3.1-3.3, RFC 3652
 * 2.2.2; 2001 and 601-605 are the national ID-Pointer SDK's, industrial.md 5.2; 4000-4002 are our
 * own and only ever sent to a peer whose site record offers them, docs/protocol.md).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* X(name, number, text, shape of the request's body) */
#define HLV_OPS(X)                                                                             \
	X(HLV_OP_RESERVED, 0, "RESERVED", NONE)                                                \
	X(HLV_OP_RESOLUTION, 1, "RESOLUTION", RESOLUTION)                                      \
	X(HLV_OP_GET_SITE_INFO, 2, "GET_SITE_INFO", HANDLE)                                    \
	X(HLV_OP_CREATE_HANDLE, 100, "CREATE_HANDLE", VALUES)                                  \
	X(HLV_OP_DELETE_HANDLE, 101, "DELETE_HANDLE", HANDLE)                                  \
	X(HLV_OP_ADD_VALUE, 102, "ADD_VALUE", VALUES)                                          \
	X(HLV_OP_REMOVE_VALUE, 103, "REMOVE_VALUE", INDEXES)                                   \
	X(HLV_OP_MODIFY_VALUE, 104, "MODIFY_VALUE", VALUES)                                    \
	X(HLV_OP_LIST_HANDLES, 105, "LIST_HANDLES", HANDLE)                                    \
	X(HLV_OP_RESPONSE_TO_CHALLENGE, 200, "RESPONSE_TO_CHALLENGE", ANSWER)                  \
	X(HLV_OP_VERIFY_CHALLENGE, 201, "VERIFY_CHALLENGE", VERIFY)                            \
	X(HLV_OP_HOME_NA, 300, "HOME_NA", HANDLE)                                              \
	X(HLV_OP_UNHOME_NA, 301, "UNHOME_NA", HANDLE)                                          \
	X(HLV_OP_LIST_HOMED_NAS, 302, "LIST_HOMED_NAS", HANDLE)                                \
	X(HLV_OP_SESSION_SETUP, 400, "SESSION_SETUP", SETUP)                                   \
	X(HLV_OP_SESSION_TERMINATE, 401, "SESSION_TERMINATE", HANDLE)                          \
	X(HLV_OP_SESSION_EXCHANGEKEY, 402, "SESSION_EXCHANGEKEY", KEY)                         \
	X(HLV_OP_GET_NEXT_TXN_ID, 1000, "GET_NEXT_TXN_ID", HANDLE)                             \
	X(HLV_OP_RETRIEVE_TXN_LOG, 1001, "RETRIEVE_TXN_LOG", TXN_LOG)                          \
	X(HLV_OP_DUMP_HANDLES, 1002, "DUMP_HANDLES", DUMP)                                     \
	X(HLV_OP_BACKUP_SERVER, 1003, "BACKUP_SERVER", HANDLE)                                 \
	X(HLV_OP_LOGIN_ID_SYSTEM, 2001, "LOGIN_ID_SYSTEM", LOGIN)                              \
	X(HLV_OP_HELVE_COMMIT, 4000, "HELVE_COMMIT", OCTETS)                                   \
	X(HLV_OP_HELVE_BULK, 4001, "HELVE_BULK", OCTETS)                                       \
	X(HLV_OP_HELVE_CONTROL, 4002, "HELVE_CONTROL", OCTETS)

enum hlv_op {
#define X(name, number, text, shape) name = (number),
	HLV_OPS(X)
#undef X
};

/* X(name, number, text) */
#define HLV_RCS(X)                                                                             \
	X(HLV_RC_RESERVED, 0, "request")                                                       \
	X(HLV_RC_SUCCESS, 1, "success")                                                        \
	X(HLV_RC_ERROR, 2, "server error")                                                     \
	X(HLV_RC_BUSY, 3, "server busy")                                                       \
	X(HLV_RC_PROTOCOL_ERROR, 4, "protocol error")                                          \
	X(HLV_RC_NOT_SUPPORTED, 5, "operation not supported")                                  \
	X(HLV_RC_RECURSION_TOO_HIGH, 6, "recursion count too high")                            \
	X(HLV_RC_READ_ONLY, 7, "server is read-only or disabled")                              \
	X(HLV_RC_NOT_FOUND, 100, "identifier not found")                                       \
	X(HLV_RC_EXISTS, 101, "identifier exists already")                                     \
	X(HLV_RC_INVALID_HANDLE, 102, "invalid identifier")                                    \
	X(HLV_RC_VALUES_NOT_FOUND, 200, "values not found")                                    \
	X(HLV_RC_VALUE_EXISTS, 201, "value exists already")                                    \
	X(HLV_RC_INVALID_VALUE, 202, "invalid value")                                          \
	X(HLV_RC_OUT_OF_DATE_SITE_INFO, 300, "site information out of date")                   \
	X(HLV_RC_NOT_RESPONSIBLE, 301, "server not responsible for this identifier")           \
	X(HLV_RC_SERVICE_REFERRAL, 302, "service referral")                                    \
	X(HLV_RC_PREFIX_REFERRAL, 303, "prefix referral")                                      \
	X(HLV_RC_INVALID_ADMIN, 400, "not an administrator of this identifier")                \
	X(HLV_RC_INSUFFICIENT_PERMISSIONS, 401, "insufficient permissions")                    \
	X(HLV_RC_AUTHENTICATION_NEEDED, 402, "authentication needed")                          \
	X(HLV_RC_AUTHENTICATION_FAILED, 403, "authentication failed")                          \
	X(HLV_RC_INVALID_CREDENTIAL, 404, "invalid credential")                                \
	X(HLV_RC_AUTHENTICATION_TIMEOUT, 405, "authentication timed out")                      \
	X(HLV_RC_UNABLE_TO_AUTHENTICATE, 406, "unable to authenticate")                        \
	X(HLV_RC_SESSION_TIMEOUT, 500, "session timed out or unknown")                         \
	X(HLV_RC_SESSION_FAILED, 501, "session setup failed")                                  \
	X(HLV_RC_INVALID_SESSION_KEY, 502, "invalid session key")                              \
	X(HLV_RC_NEED_RSA_KEY, 503, "session setup needs an RSA key")                          \
	X(HLV_RC_INVALID_SESSION_SETUP, 504, "invalid session setup request")                  \
	X(HLV_RC_SESSION_REJECTED, 505, "session message rejected")                            \
	X(HLV_RC_CHANNEL_ERROR, 601, "client channel error")                                   \
	X(HLV_RC_CLIENT_TIMEOUT, 602, "client time-out")                                       \
	X(HLV_RC_DAILY_LIMIT, 603, "daily request limit reached")                              \
	X(HLV_RC_REGISTRATION_LIMIT, 604, "registration limit reached")                        \
	X(HLV_RC_PREFIX_LIMIT, 605, "prefix not allowed or over its limit")

enum hlv_rc {
#define X(name, number, text) name = (number),
	HLV_RCS(X)
#undef X
};

/* X(name, mask, short name in tools and logs) */
#define HLV_FLAGS(X)                                                                           \
	X(HLV_F_AUTHORITATIVE, 0x80000000U, "AT")                                              \
	X(HLV_F_CERTIFIED, 0x40000000U, "CT")                                                  \
	X(HLV_F_ENCRYPT, 0x20000000U, "ENC")                                                   \
	X(HLV_F_RECURSE, 0x10000000U, "REC")                                                   \
	X(HLV_F_CACHE_CERTIFY, 0x08000000U, "CA")                                              \
	X(HLV_F_CONTINUOUS, 0x04000000U, "CN")                                                 \
	X(HLV_F_KEEP_ALIVE, 0x02000000U, "KC")                                                 \
	X(HLV_F_PUBLIC_ONLY, 0x01000000U, "PO")                                                \
	X(HLV_F_REQUEST_DIGEST, 0x00800000U, "RD")                                             \
	X(HLV_F_OVERWRITE, 0x00400000U, "OWE")                                                 \
	X(HLV_F_MINT_SUFFIX, 0x00200000U, "MNS")                                               \
	X(HLV_F_NO_REFERRAL, 0x00100000U, "DNR")

#define X(name, mask, text) static const uint32_t name = (mask);
HLV_FLAGS(X)
#undef X

/* English for people; NULL for a number that is not in the list. */
const char *hlv_op_name(uint32_t op);
const char *hlv_rc_text(uint32_t rc);
/* Comma-separated short names into `out` (at least 64 octets); returns `out`. */
char *hlv_flags_text(uint32_t flags, char *out);

/* 100-105, 300-302, 1000-1003, 4000-4002: need an interface with the admin bit (protocol.md 10.3). */
bool hlv_op_is_admin(uint32_t op);

/* The code that stands on the wire towards a peer of this version, and back: 7 and 202 exist
 * only from 2.5 on (protocol.md 2.1, 3.2). `version` as HLV_V(). */
#define HLV_V(major, minor) ((major)*256 + (minor))
uint32_t hlv_rc_to_wire(uint32_t rc, int version);
uint32_t hlv_rc_from_wire(uint32_t rc, int version);

enum {
	HLV_PORT = 2641,
	HLV_ENVELOPE_SIZE = 20,
	HLV_HEADER_SIZE = 24,
	HLV_UDP_PAYLOAD = 492, /* octets of the message in one packet */
	HLV_UDP_PACKET = 512,
	HLV_MESSAGE_MAX = 262144, /* header + body + credential */
	HLV_IDENTIFIER_MAX = 2048,
	HLV_VALUES_MAX = 2048,
	HLV_EXPIRATION_S = 43200, /* of a message, from now */
	HLV_OUR_VERSION = HLV_V(2, 11),
};
