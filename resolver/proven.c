/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/proven.h"

bool prove(enum proof proof, const struct finding *f, struct proven *out)
{
	bool shown = f->rc == HLV_RC_SUCCESS || f->rc == HLV_RC_NOT_FOUND ||
		     f->rc == HLV_RC_VALUES_NOT_FOUND;
	*out = (struct proven){0};
	switch (proof) {
	case PROOF_UNKNOWN:
	case PROOF_BOGUS:
		return false;
	case PROOF_INSECURE:
	case PROOF_SECURE:
		break;
	}
	if (shown)
		*out = (struct proven){proof, *f};
	return shown;
}

const char *proof_name(enum proof proof)
{
	switch (proof) {
	case PROOF_UNKNOWN:
		return "unknown";
	case PROOF_BOGUS:
		return "bogus";
	case PROOF_INSECURE:
		return "insecure";
	case PROOF_SECURE:
		return "secure";
	}
	return "unknown";
}

void finding_ages(struct finding *f, struct hlv_now now)
{
	struct hlv_reader r = hlv_reader(f->values.raw);
	f->fetched_ms = now.wall_ms;
	f->life_s = HLV_TTL_DEFAULT_S;
	f->newest_s = 0;
	for (uint32_t i = 0; i < f->values.n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return;
		uint32_t life_s = hlv_value_life(&v, hlv_now_s(now));
		if (life_s < f->life_s)
			f->life_s = life_s;
		if (v.mtime_s > f->newest_s)
			f->newest_s = v.mtime_s;
	}
}
