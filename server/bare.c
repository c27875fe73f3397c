/* SPDX-License-Identifier: Apache-2.0 */
#include "server/bare.h"

#include "proto/wire/site_sdk.h"

enum { SERVICES_MAX = 8 /* HS_SERV values that are followed */ };

/* No HS_SITE: the service handles that we hold ourselves are resolved for the asker. */
static enum hlv_err put_services(const struct answer_context *c, struct hlv_writer *w,
				 const struct hlv_list *values, uint32_t *n)
{
	for (uint32_t i = 0; i < SERVICES_MAX; i++) {
		struct store_key key;
		struct hlv_record rec;
		struct hlv_bytes service = hlv_sdk_service(values, i);
		if (service.n == 0)
			break;
		store_key(service, &key);
		enum hlv_err err = store_get_record(c->store, c->view, &key, &rec);
		if (err == HLV_OK && rec.state == HLV_STATE_ACTIVE)
			*n += hlv_sdk_put_sites(w, &rec.values);
		else if (err != HLV_OK && err != HLV_E_NOT_FOUND)
			return err;
	}
	return HLV_OK;
}

enum hlv_rc bare_answer(const struct answer_context *c, const struct hlv_request *rq,
			const struct hlv_record *rec, struct hlv_response *rs)
{
	uint8_t *room = hlv_alloc_raw(c->arena, HLV_MESSAGE_MAX);
	if (!room)
		return answer_error(rs, HLV_RC_ERROR, "Answer takes too much memory");
	struct hlv_writer w = hlv_writer(room, HLV_MESSAGE_MAX);
	uint32_t n = hlv_sdk_put_sites(&w, &rec->values);
	enum hlv_err err = n == 0 ? put_services(c, &w, &rec->values, &n) : HLV_OK;
	if (err != HLV_OK || w.bad)
		return answer_error(rs, HLV_RC_ERROR, "The registry cannot read this record");
	if (n == 0)
		return answer_error(rs, HLV_RC_VALUES_NOT_FOUND, NULL);
	*rs = (struct hlv_response){.rc = HLV_RC_SUCCESS,
				    .kind = HLV_BODY_RECORD,
				    .handle = hlv_request_echo(rq),
				    .values = {.n = n, .raw = hlv_written(&w)}};
	return HLV_RC_SUCCESS;
}
