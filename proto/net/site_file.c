/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/site_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/net/file.h"
#include "proto/net/json.h"

enum { WHY = 512 };

static enum hlv_err convert(const char *path, struct hlv_bytes file, struct hlv_writer *w,
			    char *why)
{
	struct hlv_json_error error = {0};
	struct hlv_site site;
	enum hlv_err err = HLV_OK;
	/* Which of the two: a binary record begins with a zero octet (protocol.md 17). */
	if (file.n > 0 && file.p[0] != 0)
		err = hlv_json_parse_site(file, w, &error);
	else
		hlv_put(w, file);
	if (err == HLV_OK && !w->bad)
		err = hlv_site_decode(hlv_written(w), &site);
	if (err == HLV_OK && !w->bad && site.servers.n > 0)
		return HLV_OK;
	snprintf(why, WHY, "%s: no site record, or one without servers%s%s", path,
		 *error.text ? ": " : "", error.text);
	return err == HLV_OK ? HLV_E_MALFORMED : err;
}

enum hlv_err hlv_site_file_read(const char *path, struct hlv_buf *site, char *why)
{
	struct hlv_buf file = {0};
	HLV_TRY(hlv_file_read(path, HLV_SITE_FILE_MAX, &file, why));
	uint8_t *octets = malloc(HLV_SITE_FILE_MAX);
	struct hlv_writer w = hlv_writer(octets, octets ? HLV_SITE_FILE_MAX : 0);
	enum hlv_err err = octets ? convert(path, hlv_buf_bytes(&file), &w, why) : HLV_E_NOMEM;
	if (err == HLV_OK)
		hlv_buf_put(site, hlv_written(&w));
	hlv_buf_free(&file);
	free(octets);
	return err == HLV_OK && site->bad ? HLV_E_NOMEM : err;
}
