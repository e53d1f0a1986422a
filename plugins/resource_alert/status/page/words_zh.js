const WORDS = {
  // states, modes, words of the daemon
  OKAY: "正常", WARNING: "警告", FAILURE: "故障", MISSING: "缺失", UNKNOWN: "未知", OFF: "未启动", ENGAGING: "启动中", ENGAGED: "已启动", RELEASING: "解除中",
  engaging: "启动中", engaged: "已启动", releasing: "解除中", "would engage": "将启动", "would be engaged": "将处于启动状态", "would release": "将解除",
  auto: "自动", dryrun: "演练", off: "关闭", on: "开启", unsure: "不确定", "left alone": "未改动", "would be on": "将开启", "would be off": "将关闭",
  warning: "警告", failure: "故障", better: "好转", worse: "恶化", unchanged: "无变化", unknown: "未知",
  series: "序列", watched: "被监视的序列", "values rejected": "被拒绝的值", transitions: "状态变化", "notifications waiting": "待发通知",
  "notifications dropped": "丢弃的通知", "journal lines waiting": "待写日志行", "journal lines lost": "丢失的日志行",

  // numbers and times
  "{0} d": "{0} 天", "{0} h": "{0} 小时", "{0} min": "{0} 分", "{0} s": "{0} 秒",
  "1 h ago": "1 小时前", "45 min ago": "45 分前", "30 min ago": "30 分前", "15 min ago": "15 分前", now: "现在",
  "for {0}": "已持续 {0}", "{0} in {1}": "{1} 后{0}", "{0} left": "剩余 {0}", "running for {0}": "已运行 {0}", "version {0}": "版本 {0}",
  "mode {0}": "模式：{0}", "; mode {0}": "；模式：{0}", "LOST – resource alert": "失联 – 资源告警",

  // the parts of the page
  Rules: "规则", Responses: "响应", Silences: "静默", "Last events": "最近事件", State: "状态", Rule: "规则", "Value and limits": "数值与阈值",
  Since: "持续时间", "Last hour": "最近一小时", Series: "序列", Value: "数值", "as text": "文本", "as JSON": "JSON", health: "健康检查",
  filter: "筛选", "Filter the rules": "筛选规则", Runbook: "处理手册", Link: "链接",

  // the summary
  "1 rule needs attention": "1 条规则需要处理", "{0} rules need attention": "{0} 条规则需要处理",
  "1 problem needs attention": "1 个问题需要处理", "{0} problems need attention": "{0} 个问题需要处理",
  "The rules are OK again; {0} is still active": "规则已恢复正常；{0} 仍在生效", "There are no rules": "没有规则", "No reading yet": "尚无读数",
  "Everything is OK": "一切正常", "The daemon does not respond": "守护进程没有响应", "{0}; the data below is out of date": "{0}；以下数据已过期",
  "{0} (dry run)": "{0}（演练）", "is {0}, {1} of {2} on": "{0}，{2}中已开启 {1} 个", "1 action": "1 个动作", "{0} actions": "{0} 个动作",
  "and {0} more below": "下面还有 {0} 条", " of {0} fails: {1}": "（{0}）失败：{1}", "self-test failed: {0}": "自检失败：{0}",
  " has reached its rate limit; to reset it: ": " 已达到频率限制；重置命令：",
  "{0} values were rejected: there are more series than MaxSeries": "{0} 个值被拒绝：序列数超过 MaxSeries",
  "{0}, {1} within the limits": "{0}、{1}都在阈值之内", "1 rule": "1 条规则", "{0} rules": "{0} 条规则", "1 series": "1 个序列", "{0} series": "{0} 个序列",
  "; next: {0}": "；下一步：{0}", "next: {0}": "下一步：{0}", "no actions: StateDir is in use by {0}": "不执行动作：StateDir 正被 {0} 使用",
  "Dry run. {0}; the page shows what they would do.": "演练模式。{0}；本页显示它们本来会做什么。", "No response takes any action": "所有响应都不执行动作",
  "{0} {1} ago": "{0}（{1}前）", "; read by {0}": "；读取者：{0}", "; no reader seen": "；未见读取者",
  "These responses take no action: {0}": "以下响应不执行动作：{0}",

  // rules
  "inverted: {0}": "反向：{0}", "within its limits again ({0})": "已回到阈值之内（{0}）",
  "over its warning limit of {0}": "高于警告阈值 {0}", "over its failure limit of {0}": "高于故障阈值 {0}",
  "under its warning limit of {0}": "低于警告阈值 {0}", "under its failure limit of {0}": "低于故障阈值 {0}",
  " and {0} more": " 等另外 {0} 个", "has had no reading": "没有读数", "is in {0}": "处于{0}状态", "is at {0}": "当前为 {0}", "peak {0}": "峰值 {0}",
  "last hour: {0} to {1}": "最近一小时：{0} 至 {1}", "no history yet": "尚无历史数据", "silenced for {0}": "静默 {0}", silenced: "已静默", "no series yet": "尚无序列",
  "No series matches this rule yet. If there is none to watch, nothing is wrong; else add a {0} block to {1}.":
    "还没有序列与此规则匹配。如果没有需要监视的对象，则一切正常；否则请在 {1} 中添加 {0} 配置块。",
  "No series matches this rule yet.": "还没有序列与此规则匹配。", "watches {0}": "监视 {0}", "and {0} more, none of them worse": "另有 {0} 个，都不比以上更差",
  "The configuration has no <Threshold>; 40-thresholds.conf has those that are installed.": "配置中没有 <Threshold>；预装的规则在 40-thresholds.conf 中。",
  "No rule matches the filter.": "没有规则符合筛选条件。",

  // responses, silences, events
  "would be switched on": "将被开启", "would be switched off": "将被关闭", "to be switched on": "待开启", "rate limit tripped": "已触发频率限制",
  "when {0}": "触发规则：{0}", "unless {0}": "除非 {0}", inactive: "未生效", "no comment": "无备注",
  "The configuration has no <Response>; 50-responses.conf has samples.": "配置中没有 <Response>；示例在 50-responses.conf 中。",
  "is on": "已开启", "is off": "已关闭", "is done": "已执行", "is undone": "已撤销", "is left alone": "未改动", "has no target any more": "目标已不存在",
  "is being switched on": "正在开启", "is being switched off": "正在关闭", "is blocked": "被阻止", " ({0} times)": "（{0} 次）",
  " from {0}, {1} {2}": " 之前为{0}，{1} {2}", " from {0}": " 之前为{0}", ", caused by {0}": "，原因：{0}", "rule {0} is {1}": "规则 {0} 处于{1}状态",
  " effect on {0}: {1}": " 对 {0} 的效果：{1}", "by {0}": "操作者：{0}", "no longer silenced": "静默已解除", "1 event": "1 个事件", "{0} events": "{0} 个事件",
  "; it lasted {0}": "；持续了 {0}", "; it lasted {0}, peak {1}": "；持续了 {0}，峰值 {1}",
  "No events yet.": "尚无事件。",
};
