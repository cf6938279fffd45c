"""Several processes open a new SQLite file at once: none is turned away."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from hypersync.store.engine import open_engine

AT_ONCE = 8


def test_everybody_who_opens_a_new_file_at_once_gets_in(tmp_path):
    for number in range(15):
        url = f"sqlite:///{tmp_path / str(number)}.db"
        together = Barrier(AT_ONCE)

        def look(url=url, together=together):
            engine = open_engine(url)
            together.wait()
            with engine.connect() as connection:
                mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
            engine.dispose()
            return mode

        with ThreadPoolExecutor(AT_ONCE) as pool:
            modes = [answer.result() for answer in [pool.submit(look) for _ in range(AT_ONCE)]]
        assert modes == ["wal"] * AT_ONCE
