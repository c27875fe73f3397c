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
						{0}};
	char name[NODE_NAME_MAX] = "0.NA/";
	enum source_format format = SOURCE_JSONL;
	int c;
	ctl_options_begin();
	while ((c = ctl_option(ctl, argc, argv, options)) != -1) {
		if (c == '?')
			return CTL_USAGE;
		if (c == 'p' && !node_prefix_handle(ctl, optarg, name))
			return CTL_USAGE;
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
	enum hlv_err err = dump_run(ctl, (int)format, hlv_text(name + strlen("0.NA/")),
				    put_stdout, NULL, &result);
	if (err == HLV_E_IO && ferror(stdout))
		return ctl_fail(ctl, "standard output: cannot be written");
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, ctl->dir, err);
}
