"""
The venue port spoken in Bybit V5, for linear USDT perpetuals.

`environment.py` says where each universe lives, `rest.py` carries requests, `post.py` writes those that change something,
`venue.py` is the port, `private_stream.py` and `public_stream.py` are the two sockets. pybit describes the endpoints
(`calls.py`) and does nothing else: no session, thread, retry, logger or secret of it is in use.
"""
