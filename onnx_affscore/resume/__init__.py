"""What ``--resume DIR`` keeps: the rows of every finished batch, so that none is run twice.

``journal.py`` is a file of records that survives being cut off anywhere, ``pass_log.py`` one pass
over the data as such a file, ``folder.py`` the folder with all of them and the run they are of,
``holdings.py`` what one holds, in words.
"""
