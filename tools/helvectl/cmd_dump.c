/* SPDX-License-Identifier: Apache-2.0
 *
 * dump: the registry as text.
 */
#include "tools/helvectl/dump.h"
#include "tools/helvectl/node.h"
#include "tools/helvectl/source.h"

static bool put_stdout(void *ctx, struct hlv_bytes text)
{
	(void)ctx;
	return fwrite(text.p, 1, text.n, stdout) == text.n;
}

int cmd_dump(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"prefix", required_argument, NULL, 'p'},
						{"format", required_argument, NULL, 'f'},
						{"secrets", no_argument, NULL, 's'},
						{0}};
	char name[NODE_NAME_MAX] = "0.NA/";
	enum source_format format = SOURCE_JSONL;
	enum dump_what what = DUMP_SHARED;
	int c;
	ctl_options_begin();
	while ((c = ctl_option(ctl, argc, argv, options)) != -1) {
		if (c == '?')
			return CTL_USAGE;
		if (c == 'p' && !node_prefix_handle(ctl, optarg, name))
			return CTL_USAGE;
		if (c == 's')
			what = DUMP_SECRETS;
		if (c == 'f' &&
		    (!source_format_parse(optarg, &format) || format == SOURCE_HSV9))
			return ctl_usage(ctl, "format '%s': expected jsonl, batch or csv",
					 optarg);
	}
	if (optind < argc)
		return ctl_usage(ctl, "'%s': did you mean --prefix %s?", argv[optind],
				 argv[optind]);
	if (!ctl_open_to_read(ctl))
		return CTL_FAILED;
	struct dump_result result;
	enum hlv_err err = dump_run(ctl, (int)format, hlv_text(name + strlen("0.NA/")), what,
				    put_stdout, NULL, &result);
	if (err == HLV_E_IO && ferror(stdout))
		return ctl_fail(ctl, "standard output: cannot be written");
	if (err == HLV_OK && result.states > 0)
		fprintf(stderr,
			"helvectl dump: %llu records have a state or locks, which are left "
			"out; a "
			"backup has them\n",
			(unsigned long long)result.states);
	if (err == HLV_OK && result.secrets > 0)
		fprintf(stderr,
			"helvectl dump: %llu secret keys (HS_SECKEY) are left out; --secrets "
			"takes "
			"them along\n",
			(unsigned long long)result.secrets);
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, ctl->dir, err);
}
