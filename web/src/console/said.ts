// SPDX-License-Identifier: Apache-2.0
// The one line that a failure is told with.
import { NO_ANSWER, Refusal } from '../api';
import { t } from '../i18n';

export function saidBy(e: unknown, unnamed = ''): string {
	if (!(e instanceof Refusal))
		return e instanceof Error ? e.message : String(e);
	if (e.status === NO_ANSWER)
		return t('noAnswer');
	if (e.status === 404 && e.code === 4 || e.status === 501)
		return t('notHere');
	return e.status === 401 && unnamed ? unnamed : e.message;
}
