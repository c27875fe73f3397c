/* SPDX-License-Identifier: Apache-2.0 */
#include "server/context.h"

enum hlv_rc answer_error(struct hlv_response *rs, enum hlv_rc rc, const char *text)
{
	*rs = (struct hlv_response){.rc = rc, .kind = HLV_BODY_ERROR};
	if (text)
		rs->text = hlv_text(text);
	return rc;
}
