/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/idn.h"

#include <idn2.h>

enum { LABEL_MAX = 63 };

bool hlv_idn_decode(struct hlv_bytes label, struct hlv_writer *w)
{
	char text[LABEL_MAX + 1], *out = NULL;
	if (label.n > LABEL_MAX || label.n <= 4 ||
	    !hlv_eq_fold(hlv_head(label, 4), hlv_text("xn--")) || memchr(label.p, 0, label.n))
		return false;
	memcpy(text, label.p, label.n);
	text[label.n] = '\0';
	bool ok = idn2_to_unicode_8z8z(text, &out, 0) == IDN2_OK;
	if (ok)
		hlv_put(w, hlv_text(out));
	idn2_free(out);
	return ok;
}
