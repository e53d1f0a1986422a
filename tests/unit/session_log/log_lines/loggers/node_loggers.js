// SPDX-License-Identifier: MIT
// Logs four messages with each Node logger and format, as python_loggers.py does.
const { Writable } = require('stream');

function collect(name) {
  return new Writable({
    write(data, _, done) {
      for (const line of data.toString().replace(/\x1b/g, '\\e').split('\n'))
        if (line.trim()) console.log(`${name}\t${line}`);
      done();
    },
  });
}

function say(log, levels) {
  log[levels[0]]('started: ERROR pages are served');
  log[levels[1]]('slow');
  log[levels[2]]('payment failed');
  if (levels[3]) log[levels[3]]('pool is gone');
}

const winston = require('winston');
const { combine, timestamp, json, simple, colorize, printf, label, logstash } = winston.format;
const formats = {
  'winston simple': simple(),
  'winston colours': combine(colorize(), simple()),
  'winston JSON': combine(timestamp(), json()),
  'winston JSON colours': combine(colorize(), timestamp(), json()),
  'winston time and level': combine(timestamp(), printf((i) => `${i.timestamp} ${i.level}: ${i.message}`)),
  'winston label': combine(label({ label: 'api' }), timestamp(),
    printf((i) => `${i.timestamp} [${i.label}] ${i.level}: ${i.message}`)),
  'winston brackets': combine(timestamp(), printf((i) => `[${i.timestamp}] [${i.level.toUpperCase()}] ${i.message}`)),
  'winston logstash': combine(timestamp(), logstash()),
};
for (const [name, format] of Object.entries(formats)) {
  const log = winston.createLogger({ format, transports: [new winston.transports.Stream({ stream: collect(name) })] });
  say(log, ['info', 'warn', 'error']);
}
const syslog = winston.createLogger({
  levels: winston.config.syslog.levels, format: combine(timestamp(), json()),
  transports: [new winston.transports.Stream({ stream: collect('winston syslog levels') })],
});
say(syslog, ['info', 'warning', 'error', 'crit']);

const pino = require('pino');
say(pino(collect('pino')), ['info', 'warn', 'error', 'fatal']);
say(pino({ timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } },
  collect('pino labels')), ['info', 'warn', 'error', 'fatal']);
const pretty = require('pino-pretty');
for (const colorizes of [false, true]) {
  const out = pretty({ colorize: colorizes, sync: true, translateTime: 'SYS:standard',
    destination: collect(colorizes ? 'pino-pretty colours' : 'pino-pretty') });
  say(pino(out), ['info', 'warn', 'error', 'fatal']);
}
say(pino(require('@elastic/ecs-pino-format').ecsFormat(), collect('ECS')), ['info', 'warn', 'error', 'fatal']);

const bunyan = require('bunyan');
say(bunyan.createLogger({ name: 'app', stream: collect('bunyan') }), ['info', 'warn', 'error', 'fatal']);

const log4js = require('log4js');
for (const layout of ['basic', 'coloured']) {
  const stream = collect(`log4js ${layout}`);
  log4js.configure({
    appenders: { out: { type: { configure: (config, layouts) => {
      const layer = layouts.layout(layout);
      return (event) => stream.write(`${layer(event)}\n`);
    } } } }, categories: { default: { appenders: ['out'], level: 'info' } },
  });
  say(log4js.getLogger('app'), ['info', 'warn', 'error', 'fatal']);
}
