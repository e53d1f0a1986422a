// SPDX-License-Identifier: MIT
// Logs with each Java logger and format, as python_loggers.py does.
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.core.OutputStreamAppender;
import java.io.ByteArrayOutputStream;
import java.util.Map;
import java.util.TreeMap;
import org.apache.log4j.PatternLayout;
import org.apache.log4j.TTCCLayout;
import org.apache.log4j.WriterAppender;

class JavaLoggers {
  static final String[] TEXTS = {"started: ERROR pages are served", "slow", "payment failed"};

  static void emit(String name, ByteArrayOutputStream out) {
    for (String line : out.toString().split("\n"))
      if (!line.isBlank()) System.out.println(name + "\t" + line.replace("\u001b", "\\e"));
  }

  static Exception failure() {
    return new IllegalStateException("save: ERROR: duplicate key", new RuntimeException("FATAL: too many clients"));
  }

  static void logback(String name, String pattern) {
    LoggerContext context = new LoggerContext();
    var out = new ByteArrayOutputStream();
    var encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern(pattern);
    encoder.start();
    var appender = new OutputStreamAppender<ch.qos.logback.classic.spi.ILoggingEvent>();
    appender.setContext(context);
    appender.setEncoder(encoder);
    appender.setOutputStream(out);
    appender.start();
    var log = context.getLogger("com.example.App");
    log.addAppender(appender);
    log.info(TEXTS[0]);
    log.warn(TEXTS[1]);
    log.error(TEXTS[2], failure());
    emit(name, out);
  }

  static void log4j(String name, org.apache.log4j.Layout layout) {
    var out = new ByteArrayOutputStream();
    var log = org.apache.log4j.Logger.getLogger(name);
    log.setAdditivity(false);
    log.addAppender(new WriterAppender(layout, out));
    log.info(TEXTS[0]);
    log.warn(TEXTS[1]);
    log.error(TEXTS[2], failure());
    log.fatal("pool is gone");
    emit(name, out);
  }

  static void utilLogging() {
    var out = new ByteArrayOutputStream();
    var log = java.util.logging.Logger.getLogger("com.example.App");
    log.setUseParentHandlers(false);
    var handler = new java.util.logging.StreamHandler(out, new java.util.logging.SimpleFormatter());
    log.addHandler(handler);
    log.info(TEXTS[0]);
    log.warning(TEXTS[1]);
    log.log(java.util.logging.Level.SEVERE, TEXTS[2], failure());
    handler.flush();
    emit("java.util.logging", out);
  }

  public static void main(String[] arguments) {
    Map<String, String> patterns = new TreeMap<>(Map.of(
        "logback default", "%d{HH:mm:ss.SSS} [%thread] %-5level %logger{36} - %msg%n",
        "logback ISO", "%d{yyyy-MM-dd HH:mm:ss.SSS} %-5level [%thread] %logger - %msg%n",
        "logback spring", "%d{yyyy-MM-dd HH:mm:ss.SSS} %5level 7 --- [%15.15t] %-40.40logger{39} : %m%n%wEx",
        "logback pipes", "%d{ISO8601}|%level|%thread|%logger|%msg%n",
        "logback colours", "%d{ISO8601} %highlight(%-5level) %cyan(%logger) - %msg%n",
        "logback spring T", "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %5level 7 --- [main] %logger : %m%n"));
    patterns.forEach((name, pattern) -> logback(name, pattern.replace("%wEx", "")));
    log4j("log4j", new PatternLayout("%d [%t] %-5p %c - %m%n"));
    log4j("log4j level first", new PatternLayout("%-5p %d{ISO8601} %c{1}:%L - %m%n"));
    log4j("log4j DATE", new PatternLayout("%d{DATE} %p %c %x - %m%n"));
    log4j("log4j brackets", new PatternLayout("[%d{yyyy/MM/dd HH:mm:ss}] [%p] %m%n"));
    utilLogging();
  }
}
