// A trading session of bybit-api for Node.js: its REST calls, its sockets, its order socket.
// Run where the package is installed: node node_session.js REST_URL KEY SECRET

const { createRequire } = require('module');

const [REST_URL, KEY, SECRET] = process.argv.slice(2);
const WS_URL = REST_URL.replace('http', 'ws');
const { RestClientV5, WebsocketClient, WebsocketAPIClient } = createRequire(process.cwd() + '/')('bybit-api');

const access = { key: KEY, secret: SECRET };
const rest = new RestClientV5({ ...access, baseUrl: REST_URL });
const market = new WebsocketClient({ wsUrl: WS_URL + '/v5/public/linear' });
const account = new WebsocketClient({ ...access, wsUrl: WS_URL + '/v5/private' });
const orders = new WebsocketAPIClient({ ...access, wsUrl: WS_URL + '/v5/trade' });

const BTC = { category: 'linear', symbol: 'BTCUSDT' };
const PUBLIC = ['tickers', 'publicTrade', 'kline.1', 'orderbook.50'].map((name) => `${name}.BTCUSDT`);
const PRIVATE = ['order', 'execution', 'position', 'wallet'];
const heard = new Set();
let failed = 0;

function check(what, met, said) {
  console.log(met ? `ok   ${what}` : `FAIL ${what}: ${said}`);
  failed += met ? 0 : 1;
}

// A call that must be answered with a code, 0 unless another is named; what it answered.
async function says(what, call, code = 0) {
  const reply = await call.catch((error) => error);
  check(what, reply.retCode === code, `${reply.retCode} ${reply.retMsg || reply.stack}`);
  return reply.result || reply.data || {};
}

async function comes(what, test, withinS = 15) {
  const until = Date.now() + withinS * 1000;
  while (!(await test()) && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 100));
  check(what, await test(), 'not in time');
}

async function looks() {
  const { list } = await says('instruments', rest.getInstrumentsInfo({ category: 'linear', limit: 1000 }));
  check('several symbols', list.length > 1, list.length);
  for (const [what, call] of Object.entries({
    time: rest.getServerTime(),
    candles: rest.getKline({ ...BTC, interval: '1', limit: 5 }),
    book: rest.getOrderbook({ ...BTC, limit: 5 }),
    trades: rest.getPublicTradingHistory({ ...BTC, limit: 5 }),
    tiers: rest.getRiskLimit(BTC),
    key: rest.getQueryApiKey(),
    account: rest.getAccountInfo(),
    fees: rest.getFeeRate(BTC),
    'sub-accounts': rest.getSubUIDList(),
    money: rest.getTransactionLog(),
  })) await says(what, call);
  return Number((await says('tickers', rest.getTickers(BTC))).list[0].lastPrice);
}

async function trades(last) {
  const below = (share) => (last * share).toFixed(1);
  await says('leverage', rest.setLeverage({ ...BTC, buyLeverage: '7', sellLeverage: '7' }));
  await says('the position mode that it has', rest.switchPositionMode({ ...BTC, mode: 0 }), 110025);
  await says('the mode of levels that it has', rest.setTPSLMode({ ...BTC, tpSlMode: 'Full' }), 34040);
  await says('a tier', rest.setRiskLimit({ ...BTC, riskId: 1 }));
  await says('market', rest.submitOrder({ ...BTC, side: 'Buy', orderType: 'Market', qty: '0.01', stopLoss: below(0.8) }));
  const limit = { ...BTC, side: 'Buy', orderType: 'Limit', qty: '0.01', price: below(0.9) };
  const { orderId } = await says('limit', rest.submitOrder(limit));
  await says('amend', rest.amendOrder({ ...BTC, orderId, qty: '0.02' }));
  const open = (await says('open orders', rest.getActiveOrders(BTC))).list;
  check('the limit order and the stop', open.length === 2 && open.some((row) => row.qty === '0.020'), JSON.stringify(open));
  await says('cancel', rest.cancelOrder({ ...BTC, orderId }));
  await says('cancel again', rest.cancelOrder({ ...BTC, orderId }), 110001);
  const batch = await says('batch', rest.batchSubmitOrders('linear', [limit, { ...limit, qty: '0.00001' }]));
  check('one of two orders', batch.list.map((row) => Boolean(row.orderId)).join() === 'true,false', JSON.stringify(batch));
  await says('trailing stop', rest.setTradingStop({ ...BTC, trailingStop: '500', positionIdx: 0, tpslMode: 'Full' }));
  const sent = await says('an order by its socket', orders.submitNewOrder(limit));
  await says('its amend', orders.amendOrder({ ...BTC, orderId: sent.orderId, qty: '0.03' }));
  await says('its cancel', orders.cancelOrder({ ...BTC, orderId: sent.orderId }));
  const closing = { ...BTC, side: 'Sell', orderType: 'Market', qty: '0', reduceOnly: true, closeOnTrigger: true };
  await says('close', rest.submitOrder(closing));
  await comes('flat', async () => Number((await rest.getPositionInfo(BTC)).result.list[0].size) === 0);
  await says('cancel all', rest.cancelAllOrders(BTC));
  const { list } = await says('closed profit', rest.getClosedPnL(BTC));
  check('one closing order', list.length === 1 && list[0].closedSize === '0.010', JSON.stringify(list));
  check('two fills', (await says('executions', rest.getExecutionList(BTC))).list.length === 2, 'another number');
}

async function main() {
  for (const socket of [market, account]) socket.on('update', (frame) => heard.add(frame.topic));
  market.subscribeV5(PUBLIC, 'linear');
  account.subscribeV5(PRIVATE, 'linear');
  await comes('heard of the market', () => PUBLIC.every((topic) => heard.has(topic)));
  await trades(await looks());
  await comes('heard of the account', () => PRIVATE.every((topic) => heard.has(topic)));
  process.exit(failed ? 1 : 0);
}

main();
