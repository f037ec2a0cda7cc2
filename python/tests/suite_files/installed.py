"""A pytest plugin that lets all later imports find Pyrometer."""

import pyrometer

assert pyrometer.install(), "something has imported what is to be replaced"
