import { signal } from '@preact/signals';

/** Whether the menu of ranges is open: the shortcut `t` sets it from outside. */
export const pickerOpen = signal(false);
