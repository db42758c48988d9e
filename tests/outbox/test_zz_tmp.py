import pytest, math
from tests.outbox.scripted import *
from memos_integrations.memory.outbox import Outbox
from memos_integrations.errors import ServerFault
from memos_integrations.memory._line import Line

def test_known_arrived_file_fails(monkeypatch):
    with frozen(monkeypatch) as clock:
        s = Scripted()
        with client_of(s) as c:
            o = Outbox.of(c)
            real = o._line.delivered
            fails=[1]
            def bad(*a):
                if fails:
                    fails.pop(); raise ServerFault("the file cannot be used now", code=50004)
                return real(*a)
            o._line.delivered = bad
            o.put(turn("a","b"))
            try: run(o, clock, 100)
            except Exception as e: print(type(e))
            try: run(o, clock, 100)
            except Exception as e: print(type(e))
            print(s.paths, s.words())
            assert s.words() == ["a","b"]

def test_busy_flush():
    s = Scripted([refusal(0,429, retry_after="1")])
    with client_of(s, retry=QUICK) as c:
        o = Outbox.of(c)
        n=[0]
        real=o._line.hurry
        def hurry(*a):
            n[0]+=1
            return real(*a)
        o._line.hurry=hurry
        o.put(turn("a","b"))
        print(c.flush(3), n)
        assert n[0] < 20

def test_orphan_busy():
    with_ = []
    s = Scripted()
    with client_of(s, retry=QUICK, orphan_after=.2) as c:
        o = Outbox.of(c)
        n=[0]
        real=o._line.claim
        def claim(*a):
            n[0]+=1
            return real(*a)
        o._line.claim=claim
        o.open(turn("a"), "t")
        import time; time.sleep(1)
        print(n, s.words())
        assert n[0] < 20

@pytest.mark.parametrize("size", [30, 1500, 6000])
def test_residue(tmp_path, size):
    p = tmp_path/"o.db"
    s = Scripted()
    with client_of(s, retry=QUICK, path=p) as c:
        o = Outbox.of(c)
        for i in range(300):
            t = f"t{i}"
            o.open(turn("MARKER"+"x"*size, conversation=f"c{i%7}"), t)
            o.put(turn("MARKER"+"x"*size, "MARKER"+"y"*size, conversation=f"c{i%7}"), t)
        assert c.flush(60)==0
        import time
        for f in tmp_path.iterdir(): print("open", f.name, f.stat().st_size, f.read_bytes().count(b"MARKER"))
    for f in tmp_path.iterdir(): print("closed", f.name, f.stat().st_size, f.read_bytes().count(b"MARKER"))
