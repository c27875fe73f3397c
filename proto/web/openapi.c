/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /openapi.json: docs/openapi.json, which says what all routes take and give.
 */
#include "proto/web/web.h"

/* Made by embed_json.py. */
extern const unsigned char web_openapi_json[];
extern const size_t web_openapi_json_n;

void web_openapi(struct http_call *call)
{
	hlv_buf_put(&call->out, hlv_bytes(web_openapi_json, web_openapi_json_n));
	http_header(call, "Cache-Control", hlv_text("public, max-age=3600"));
	http_reply(call, 200, WEB_JSON);
}
