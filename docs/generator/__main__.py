"""Writes the generated pages: ``make reference``, which is ``python docs/generator``."""

import pages

pages.main()
